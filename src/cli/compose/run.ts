import { randomBytes } from "node:crypto";
import { wharfVersion } from "#base/version.ts";
import type { Cli } from "#cli/cli.ts";
import { atLeast, type Command, defineCommand } from "#cli/command/command.ts";
import { runAttached } from "#cli/container/session/attached-run.ts";
import { chooseDetachKeys } from "#cli/container/session/detach-keys-flag.ts";
import { proxySignals } from "#cli/container/session/signal-proxy.ts";
import { ExitError } from "#cli/command/exit-error.ts";
import { boolFlag, listFlag, stringFlag } from "#cli/command/flags.ts";
import type { ActParts } from "#compose/act/act-parts.ts";
import type { MadeContainers } from "#compose/act/carry-out.ts";
import { injectFileObjects } from "#compose/act/file-objects.ts";
import { runHooks } from "#compose/act/hooks.ts";
import { ensureImages, type ImageOptions } from "#compose/act/images.ts";
import { awaitDependencies } from "#compose/act/start-services.ts";
import { bringUp, type Brought } from "#compose/act/up.ts";
import { imageOf } from "#compose/build/targets.ts";
import type { Project, Service } from "#compose/model/project.ts";
import { openProject } from "#compose/open-project.ts";
import { withSocketOf } from "#compose/outside/fill-project.ts";
import { withProvided } from "#compose/outside/provided.ts";
import { oneOffRequest, oneOffService } from "#compose/plan/one-off.ts";
import { withoutUnused, withServices } from "#compose/select-services.ts";
import { imageBuilding } from "./building/image-building.ts";
import { pullChoice } from "./create.ts";
import { oneOffOptions } from "./one-off/options.ts";
import { checkTerminal, terminalFlags, wantsTerminal } from "./one-off/terminal.ts";
import { dryRun } from "./project/flags.ts";
import { projectRequest } from "./project/request.ts";
import { actParts } from "./project/surroundings.ts";

const list = { type: "stringArray" } as const;
const SHORT_SLUG = 12;

export const command: Command = defineCommand({
  usage: "[OPTIONS] SERVICE [COMMAND] [ARGS...]",
  args: atLeast(1),
  interspersed: false,
  flags: {
    build: boolFlag("Build image before starting container"),
    "cap-add": listFlag("Add Linux capabilities"),
    "cap-drop": listFlag("Drop Linux capabilities"),
    detach: boolFlag("Run container in background and print container ID", { short: "d" }),
    "dry-run": dryRun,
    entrypoint: stringFlag("Override the entrypoint of the image"),
    env: listFlag("Set environment variables", { ...list, short: "e" }),
    "env-from-file": listFlag("Set environment variables from file", {
      ...list,
      complete: "files",
    }),
    interactive: boolFlag("Keep STDIN open even if not attached", { short: "i", default: true }),
    label: listFlag("Add or override a label", { ...list, short: "l", spellings: ["labels"] }),
    name: stringFlag("Assign a name to the container"),
    "no-deps": boolFlag("Don't start linked services"),
    ...terminalFlags("Disable pseudo-TTY allocation (default: auto-detected)"),
    publish: listFlag("Publish a container's port(s) to the host", { ...list, short: "p" }),
    pull: stringFlag('Pull image before running ("always"|"missing"|"never")', {
      default: "policy",
      complete: ["always", "missing", "never"],
    }),
    quiet: boolFlag("Don't print anything to STDOUT", { short: "q" }),
    "quiet-build": boolFlag("Suppress progress output from the build process"),
    "quiet-pull": boolFlag("Pull without printing progress information"),
    "remove-orphans": boolFlag("Remove containers for services not defined in the Compose file"),
    rm: boolFlag("Automatically remove the container when it exits"),
    "service-ports": boolFlag(
      "Run command with all service's ports enabled and mapped to the host",
      { short: "P" },
    ),
    "use-aliases": boolFlag(
      "Use the service's network useAliases in the network(s) the container connects to",
    ),
    user: stringFlag("Run as specified username or uid", { short: "u" }),
    volume: listFlag("Bind mount a volume", { ...list, short: "v", spellings: ["volumes"] }),
    workdir: stringFlag("Working directory inside the container", { short: "w" }),
  },
  async run(cli, { flags, args, groupFlags, isSet }) {
    const [name = "", ...words] = args;
    const whole = await openProject(projectRequest(cli, groupFlags), { services: [name] });
    const withDependencies = !flags["no-deps"];
    if (whole.services.get(name)?.provider) {
      throw new ExitError(`services.${name} has a provider: no container of it can be run`, 1);
    }
    const chosen = withoutUnused(withServices(whole, [name], { withDependencies }));
    const isInteractive = isSet("interactive") ? flags.interactive : true;
    const terminal = { hasTerminal: wantsTerminal(cli, flags, isSet), isInteractive };
    const options = oneOffOptions(whole, words, flags, terminal);
    const values = flags.quiet ? { ...groupFlags.values, progress: "quiet" } : groupFlags.values;
    using parts = await actParts(cli, { ...groupFlags, values }, flags);
    if (parts.isDryRun && !flags.detach) {
      throw new ExitError("interactive run is not supported in dry-run mode", 1);
    }
    const project = await withSocketOf(chosen, parts);
    const images = {
      pull: pullChoice(flags.pull),
      isQuiet: flags["quiet-pull"] || flags.quiet,
      building: imageBuilding(cli, whole, parts, {
        build: flags.build,
        noBuild: false,
        isQuiet: flags["quiet-build"] || flags.quiet,
      }),
    };
    const { made, provided } = await bringDependenciesUp(project, name, parts, {
      images,
      removesOrphans: flags["remove-orphans"],
    });
    checkTerminal(cli, terminal);
    const filled = withProvided(project, provided).services.get(name) ?? {};
    const service = oneOffService(filled, options);
    const id = await createOneOff(project, name, service, parts, {
      images,
      made,
      containerName: flags.name,
      usesAliases: flags["use-aliases"],
      isRemoved: flags.rm,
    });
    if (parts.isDryRun) return 0;
    const start = async (): Promise<void> => {
      await parts.engine.send("POST", `/containers/${id}/start`);
      await runHooks(service.post_start ?? [], id, parts);
    };
    if (flags.detach) {
      await start();
      cli.output.write(`${id}\n`);
      return 0;
    }
    return await runToItsEnd(cli, { id, removes: flags.rm, start }, terminal);
  },
});

interface Starting {
  readonly id: string;
  readonly removes: boolean;
  start(): Promise<void>;
}

async function runToItsEnd(
  cli: Cli,
  container: Starting,
  {
    hasTerminal,
    isInteractive,
  }: { readonly hasTerminal: boolean; readonly isInteractive: boolean },
): Promise<number> {
  using _proxy = hasTerminal ? undefined : proxySignals(cli, container.id);
  const streams = { stdin: isInteractive, stdout: true, stderr: true };
  const detachKeys = chooseDetachKeys(cli, "");
  return await runAttached(cli, container, { ...streams, hasTerminal, detachKeys });
}

/** Networks, volumes and what the service needs; the service itself stays as it is. */
async function bringDependenciesUp(
  project: Project,
  name: string,
  parts: ActParts,
  { images, removesOrphans }: { readonly images: ImageOptions; readonly removesOrphans: boolean },
): Promise<Brought> {
  const others = [...project.services].filter(([other]) => other !== name);
  const needed: Project = {
    ...project,
    services: new Map(others),
    disabledServices: new Map([
      ...project.disabledServices,
      ...[...project.services].filter(([other]) => other === name),
    ]),
  };
  return await bringUp(needed, parts, {
    services: [],
    recreate: "diverged",
    recreateDependencies: "diverged",
    scale: new Map(),
    removesOrphans,
    renewsVolumes: false,
    timeoutSeconds: undefined,
    pull: "policy",
    isQuietPull: images.isQuiet,
    building: { ...images.building, choice: "missing" },
    isStarted: true,
    version: wharfVersion,
  });
}

interface OneOff {
  readonly images: ImageOptions;
  readonly made: MadeContainers;
  /** Empty for one by chance. */
  readonly containerName: string;
  readonly usesAliases: boolean;
  readonly isRemoved: boolean;
}

/** @returns The container's id. */
async function createOneOff(
  project: Project,
  name: string,
  service: Service,
  parts: ActParts,
  options: OneOff,
): Promise<string> {
  const { usesAliases, isRemoved, made } = options;
  const alone: Project = { ...project, services: new Map([[name, service]]) };
  const imageIds = await ensureImages(alone, parts, options.images);
  await awaitDependencies(service, made, parts);
  const image = imageOf(project, name, service);
  const slug = randomBytes(32).toString("hex");
  const short = slug.slice(0, SHORT_SLUG);
  const { separator = "-" } = project;
  const containerName = options.containerName || [project.name, name, "run", short].join(separator);
  const body = oneOffRequest({
    project,
    serviceName: name,
    service: { ...service, image },
    containerName,
    imageId: imageIds.get(image),
    version: wharfVersion,
    proxies: parts.proxies,
    containerOf: (other) => containerOf(name, other, made),
    slug,
    usesAliases,
    isRemoved,
  });
  const { Id: id } = await parts.engine.postJson<{ readonly Id: string }>("/containers/create", {
    query: { name: containerName, platform: service.platform },
    json: body,
  });
  await injectFileObjects(project, service, id, parts);
  return id;
}

function containerOf(name: string, other: string, made: MadeContainers): string {
  const [first] = made.get(other) ?? [];
  if (first) return first.id;
  throw new ExitError(
    `services.${name}: ${other}, which it shares something with, has no container`,
    1,
  );
}
