import { messageOf, WharfError } from "#base/errors.ts";
import { wharfVersion } from "#base/version.ts";
import type { Cli } from "#cli/cli.ts";
import type { ActParts } from "#compose/act/act-parts.ts";
import type { MadeContainers } from "#compose/act/carry-out.ts";
import { graceSeconds } from "#compose/act/grace.ts";
import { bringUp } from "#compose/act/up.ts";
import { LABEL } from "#compose/labels.ts";
import type { Project } from "#compose/model/project.ts";
import { observeContainers, type ObservedContainer } from "#compose/observe/observed.ts";
import { withoutUnused, withServices } from "#compose/select-services.ts";
import {
  type FileChange,
  planBatch,
  type ServiceSync,
  type WatchBatch,
} from "#compose/watch/plan-batch.ts";
import type { WatchRule } from "#compose/watch/rules.ts";
import type { CommandParts } from "#cli/compose/project/surroundings.ts";
import { imageBuilding } from "#cli/compose/building/image-building.ts";
import { FileFilter } from "./file-filter.ts";
import { newerFiles } from "./newer-files.ts";
import { syncContainer } from "./sync-files.ts";
import { watchTrees } from "./watch-trees.ts";

export interface ProjectWatch {
  readonly project: Project;
  readonly rules: readonly WatchRule[];
  /** Images that a new build left without a name are removed. */
  readonly prunes: boolean;
  /** Nothing of a build is shown. */
  readonly isQuiet: boolean;
  /** Told of containers that took others' place. */
  readonly onRecreated?: (made: MadeContainers) => void;
}

/** Follows changes of files into the containers, until the signal aborts. A round that fails is told of, and gone past. */
export async function watchProject(
  cli: Cli,
  parts: CommandParts,
  watched: ProjectWatch,
  signal: AbortSignal,
): Promise<void> {
  const { project, rules } = watched;
  const filter = new FileFilter(project, rules);
  const roots = [...new Set(rules.map(({ path }) => path))];
  const isIdle = (folder: string): boolean => filter.isIdle(folder, rules);
  const rounds = watchTrees(roots, { isIdle, signal });
  // what changes from here on is seen, whatever comes before
  const first = rounds.next();
  first.catch(() => undefined); // awaited below, perhaps later than it fails
  cli.output.write("Watch enabled\n");
  const carryOut = async (batch: WatchBatch): Promise<void> => {
    try {
      await carryOutBatch(cli, parts, watched, batch);
    } catch (error) {
      if (!(error instanceof WharfError)) throw error;
      cli.errors.write(`WARNING: ${messageOf(error)}\n`);
    }
  };
  const initial = await initialChanges(project, rules, parts, filter);
  const initialRules = rules.filter(({ isInitial }) => isInitial);
  await carryOut(planBatch(initial, initialRules, filter.concerns));
  for (let next = await first; next.done !== true; next = await rounds.next()) {
    await carryOut(planBatch(next.value, rules, filter.concerns));
  }
}

/** What is newer than the image that a service's containers are of: a build would have it. */
async function initialChanges(
  project: Project,
  rules: readonly WatchRule[],
  parts: ActParts,
  filter: FileFilter,
): Promise<readonly FileChange[]> {
  const found: FileChange[] = [];
  for (const rule of rules) {
    if (!rule.isInitial || !rule.action.startsWith("sync")) continue;
    const [container] = await containersOf(project, rule.service, parts);
    if (!container) continue;
    const { Created } = await parts.engine.getJson<{ readonly Created: string }>(
      `/images/${container.imageId}/json`,
    );
    for (const path of newerFiles(rule.path, Date.parse(Created), (folder) =>
      filter.isIdle(folder, [rule]),
    )) {
      found.push({ path, kind: "written" });
    }
  }
  return found;
}

async function containersOf(
  project: Project,
  service: string,
  { engine }: ActParts,
): Promise<readonly ObservedContainer[]> {
  const all = await observeContainers(engine, project.name, { withOneOffs: false });
  return all.filter((each) => each.service === service && each.state === "running");
}

async function carryOutBatch(
  cli: Cli,
  parts: CommandParts,
  watched: ProjectWatch,
  { rebuilt, synced }: WatchBatch,
): Promise<void> {
  if (rebuilt.length > 0) await rebuild(cli, parts, watched, rebuilt);
  for (const [service, sync] of synced) await synchronize(cli, parts, watched, service, sync);
}

/** As Go prints a list: `["web" "db"]`. */
function goList(names: readonly string[]): string {
  return `[${names.map((name) => JSON.stringify(name)).join(" ")}]`;
}

async function rebuild(
  cli: Cli,
  parts: CommandParts,
  { project: whole, prunes, isQuiet, onRecreated }: ProjectWatch,
  services: readonly string[],
): Promise<void> {
  cli.output.write(`Rebuilding service(s) ${goList(services)} after changes were detected...\n`);
  const project = withoutUnused(withServices(whole, services, { withDependencies: false }));
  const { made } = await bringUp(project, parts, {
    services,
    recreate: "diverged",
    recreateDependencies: "never",
    scale: new Map(),
    removesOrphans: false,
    renewsVolumes: false,
    timeoutSeconds: undefined,
    pull: "policy",
    isQuietPull: true,
    building: imageBuilding(cli, whole, parts, {
      build: true,
      noBuild: false,
      isQuiet,
      isFlowing: true,
    }),
    isStarted: true,
    version: wharfVersion,
  });
  cli.output.write(`service(s) ${goList(services)} successfully built\n`);
  onRecreated?.(made);
  if (!prunes) return;
  await parts.engine.send("POST", "/images/prune", {
    query: { filters: { dangling: ["true"], label: [`${LABEL.project}=${whole.name}`] } },
  });
}

async function synchronize(
  cli: Cli,
  parts: ActParts,
  { project }: ProjectWatch,
  service: string,
  sync: ServiceSync,
): Promise<void> {
  const containers = await containersOf(project, service, parts);
  const count = sync.writes.length + sync.removals.length;
  if (count > 0) {
    cli.output.write(
      `Syncing service ${JSON.stringify(service)} after ${count} changes were detected\n`,
    );
  }
  await Promise.all(containers.map((container) => syncContainer(cli, container, sync, parts)));
  if (!sync.isRestarted) return;
  const t = graceSeconds(project.services.get(service), undefined);
  await Promise.all(
    containers.map(({ id }) =>
      parts.engine.send("POST", `/containers/${id}/restart`, { query: { t } }),
    ),
  );
  cli.output.write(`service(s) ${goList([service])} restarted\n`);
}
