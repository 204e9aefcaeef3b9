import { Semaphore } from "#base/async.ts";
import { InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import type { Cli } from "#cli/cli.ts";
import type { GroupFlags } from "#cli/command/command.ts";
import { proxyArguments, proxiesFor } from "#cli/container/create-request/environment.ts";
import type { ProgressMode } from "#cli/image/building/flags.ts";
import { registryAuthHeaders } from "#cli/registry-auth.ts";
import { type ActParts, dryRunEngine } from "#compose/act/act-parts.ts";
import { MAX_SCALE } from "#compose/check-project.ts";
import type { Project } from "#compose/model/project.ts";
import { openProject } from "#compose/open-project.ts";
import { openProgress, stepsMode } from "#cli/compose/output/progress.ts";
import type { Progress } from "#cli/compose/output/progress-lines.ts";
import { outsideOf } from "./outside.ts";
import { projectRequest } from "./request.ts";

/** As many as the user allows; all that can go on at once unless said. */
function slotsFor(cli: Cli, { values }: GroupFlags): Semaphore {
  const limit = Number(values["parallel"] ?? -1);
  const named = Number(cli.env["COMPOSE_PARALLEL_LIMIT"] ?? -1);
  const chosen = limit > 0 ? limit : named;
  return new Semaphore(chosen > 0 ? chosen : Number.MAX_SAFE_INTEGER);
}

/** What a command acts with, and how it shows what goes on. */
export interface CommandParts extends ActParts, Pick<Progress, "settle" | "flow"> {
  readonly stepsMode: ProgressMode;
}

export async function actParts(
  cli: Cli,
  groupFlags: GroupFlags,
  flags: { readonly "dry-run": boolean },
): Promise<CommandParts & Disposable> {
  const engine = await cli.engine();
  const isDryRun = flags["dry-run"] || groupFlags.values["dry-run"] === true;
  const progress = openProgress(cli, groupFlags, isDryRun);
  return {
    engine: isDryRun ? dryRunEngine(engine) : engine,
    onProgress: progress.report,
    slots: slotsFor(cli, groupFlags),
    isDryRun,
    proxies: new Map(Object.entries(proxyArguments(proxiesFor(cli, engine.endpoint.text)))),
    outside: outsideOf(cli, engine, groupFlags),
    registryHeaders: (domain) => registryAuthHeaders(cli, domain),
    stepsMode: stepsMode(cli, groupFlags),
    settle: () => progress.settle(),
    flow: () => progress.flow(),
    [Symbol.dispose]: () => progress.settle(),
  };
}

/** The project's name, and its files where there are any: what runs needs only the name. */
export async function nameAndProject(
  cli: Cli,
  groupFlags: GroupFlags,
): Promise<{ readonly projectName: string; readonly project: Project | undefined }> {
  const request = projectRequest(cli, groupFlags);
  try {
    const project = await openProject({ ...request, profiles: ["*"] }, { isConsistent: false });
    return { projectName: project.name, project };
  } catch (error) {
    const { projectName } = request;
    if (error instanceof NotFoundError && projectName !== undefined) {
      return { projectName, project: undefined };
    }
    throw error;
  }
}

/** By `--profile`, else by COMPOSE_PROFILES of the environment or the project's env files. */
export function activeProfiles(
  cli: Cli,
  groupFlags: GroupFlags,
  project: Project | undefined,
): readonly string[] {
  const { profiles } = projectRequest(cli, groupFlags);
  if (profiles.length > 0) return profiles;
  return (project?.environment.get("COMPOSE_PROFILES") ?? "").split(",").filter(Boolean);
}

/** `SERVICE=COUNT`. @throws {InvalidArgumentError} It is none, or the service is unknown. */
export function parseScale(
  asked: readonly string[],
  project: Project,
): ReadonlyMap<string, number> {
  return new Map(
    asked.map((each): [string, number] => {
      const [, name = "", count] = /^(.+)=(\d+)$/.exec(each) ?? [];
      if (count === undefined) {
        throw new InvalidArgumentError(
          `invalid --scale option ${JSON.stringify(each)}. Should be SERVICE=NUM`,
        );
      }
      if (!project.services.has(name)) throw new NotFoundError(`no such service: ${name}`);
      if (Number(count) > MAX_SCALE) {
        throw new InvalidArgumentError(`cannot scale ${name} to ${count}: at most to ${MAX_SCALE}`);
      }
      return [name, Number(count)];
    }),
  );
}

/** Seconds, where `-t` was given. */
export function timeoutOf(
  flags: { readonly timeout: number },
  isSet: (name: string) => boolean,
): number | undefined {
  return isSet("timeout") ? flags.timeout : undefined;
}
