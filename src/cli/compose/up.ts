import { wharfVersion } from "#base/version.ts";
import type { Cli } from "#cli/cli.ts";
import { atLeast, type Command, defineCommand } from "#cli/command/command.ts";
import { ExitError } from "#cli/command/exit-error.ts";
import { boolFlag, intFlag, listFlag, stringFlag } from "#cli/command/flags.ts";
import type { ActParts } from "#compose/act/act-parts.ts";
import { awaitHealthy } from "#compose/act/await-condition.ts";
import type { MadeContainers } from "#compose/act/carry-out.ts";
import { bringUp, type UpRequest } from "#compose/act/up.ts";
import type { Project } from "#compose/model/project.ts";
import { openProject } from "#compose/open-project.ts";
import { noSuchService, withoutUnused, withServices } from "#compose/select-services.ts";
import { watchRules, type WatchRule } from "#compose/watch/rules.ts";
import { hasColours } from "./output/ansi.ts";
import { type AttachOptions, attachUntilEnd } from "./output/attached.ts";
import { imageBuilding } from "./building/image-building.ts";
import { checkNeeded, checkPublished } from "./project/before-up.ts";
import { pullChoice, recreateChoice } from "./create.ts";
import { dryRun } from "./project/flags.ts";
import { ignoresOrphans, removesOrphans } from "./project/orphans.ts";
import { projectRequest } from "./project/request.ts";
import { actParts, type CommandParts, parseScale, timeoutOf } from "./project/surroundings.ts";
import { wantsMenu } from "./watching/key-menu.ts";
import { watchProject } from "./watching/watch-project.ts";

const list = { type: "stringArray" } as const;

const flags = {
  "abort-on-container-exit": boolFlag(
    "Stops all containers if any container was stopped. Incompatible with -d",
  ),
  "abort-on-container-failure": boolFlag(
    "Stops all containers if any container exited with failure. Incompatible with -d",
  ),
  "always-recreate-deps": boolFlag(
    "Recreate dependent containers. Incompatible with --no-recreate.",
  ),
  attach: listFlag(
    "Restrict attaching to the specified services. Incompatible with --attach-dependencies.",
    list,
  ),
  "attach-dependencies": boolFlag("Automatically attach to log output of dependent services"),
  build: boolFlag("Build images before starting containers"),
  detach: boolFlag("Detached mode: Run containers in the background", { short: "d" }),
  "dry-run": dryRun,
  "exit-code-from": stringFlag(
    "Return the exit code of the selected service container. Implies --abort-on-container-exit",
  ),
  "force-recreate": boolFlag(
    "Recreate containers even if their configuration and image haven't changed",
  ),
  menu: boolFlag(
    "Enable interactive shortcuts when running attached. Incompatible with --detach. Can also be enable/disable by setting COMPOSE_MENU environment var.",
  ),
  "no-attach": listFlag("Do not attach (stream logs) to the specified services", list),
  "no-build": boolFlag("Don't build an image, even if it's policy"),
  "no-color": boolFlag("Produce monochrome output"),
  "no-deps": boolFlag("Don't start linked services"),
  "no-log-prefix": boolFlag("Don't print prefix in logs"),
  "no-recreate": boolFlag(
    "If containers already exist, don't recreate them. Incompatible with --force-recreate.",
  ),
  "no-start": boolFlag("Don't start the services after creating them"),
  pull: stringFlag('Pull image before running ("always"|"missing"|"never")', {
    default: "policy",
    complete: ["always", "missing", "never"],
  }),
  "quiet-build": boolFlag("Suppress the build output"),
  "quiet-pull": boolFlag("Pull without printing progress information"),
  "remove-orphans": boolFlag("Remove containers for services not defined in the Compose file"),
  "renew-anon-volumes": boolFlag(
    "Recreate anonymous volumes instead of retrieving data from the previous containers",
    { short: "V" },
  ),
  rolling: boolFlag(
    "Exchange containers one after the other: the new one is healthy before the old one goes (see deploy.update_config)",
  ),
  scale: listFlag(
    "Scale SERVICE to NUM instances. Overrides the `scale` setting in the Compose file if present.",
    list,
  ),
  timeout: intFlag(
    "Use this timeout in seconds for container shutdown when attached or when containers are already running",
    { short: "t", type: "int" },
  ),
  timestamps: boolFlag("Show timestamps"),
  wait: boolFlag("Wait for services to be running|healthy. Implies detached mode."),
  "wait-timeout": intFlag(
    "Maximum duration in seconds to wait for the project to be running|healthy",
    { type: "int" },
  ),
  watch: boolFlag("Watch source code and rebuild/refresh containers when files are updated.", {
    short: "w",
  }),
  yes: boolFlag('Assume "yes" as answer to all prompts and run non-interactively', {
    short: "y",
  }),
};

export const command: Command = defineCommand({
  usage: "[OPTIONS] [SERVICE...]",
  args: atLeast(0),
  flags,
  async run(cli, { flags: asked, args, groupFlags, isSet }) {
    if (asked.rolling && asked["no-start"]) {
      throw new ExitError("--rolling and --no-start are incompatible", 1);
    }
    const beganAt = cli.now();
    const isDetached = asked.detach || asked.wait || asked["no-start"];
    const from = asked["exit-code-from"];
    const aborts = asked["abort-on-container-exit"] || from !== "";
    if (isDetached && (aborts || asked["abort-on-container-failure"])) {
      throw new ExitError(
        "--abort-on-container-exit and --abort-on-container-failure cannot go with -d",
        1,
      );
    }
    if (isDetached && (asked.watch || asked.menu)) {
      throw new ExitError("--watch and --menu cannot go with -d", 1);
    }
    const whole = await openProject(projectRequest(cli, groupFlags), { services: args });
    const withDependencies = !asked["no-deps"];
    const project = withoutUnused(withServices(whole, args, { withDependencies }));
    if (from !== "" && !project.services.has(from)) throw noSuchService(project, from);
    const rules = asked.watch ? watchRules(project, args) : undefined;
    await checkNeeded(cli, project);
    using parts = await actParts(cli, groupFlags, asked);
    const recreate = recreateChoice(asked);
    const { made } = await bringUp(project, parts, {
      services: args,
      recreate,
      recreateDependencies: asked["always-recreate-deps"] ? "force" : "diverged",
      scale: parseScale(asked.scale, project),
      removesOrphans: removesOrphans(cli, asked),
      renewsVolumes: asked["renew-anon-volumes"],
      timeoutSeconds: timeoutOf(asked, isSet),
      pull: pullChoice(asked.pull),
      isQuietPull: asked["quiet-pull"],
      building: imageBuilding(cli, whole, parts, {
        build: asked.build,
        noBuild: asked["no-build"],
        isQuiet: asked["quiet-build"],
      }),
      isStarted: !asked["no-start"],
      ...(asked.rolling ? { rolling: await rollingWay(cli) } : {}),
      version: wharfVersion,
      onPlan: async (plan) => {
        await checkPublished(cli, project, plan);
        const { orphans, containers } = plan;
        parts.settle();
        for (const step of containers) {
          if (step.action !== "keep" || step.warning === undefined) continue;
          cli.errors.write(`WARNING: ${step.warning}\n`);
        }
        if (orphans.length === 0 || removesOrphans(cli, asked) || ignoresOrphans(cli)) return;
        const names = orphans.map(({ name }) => name).join(", ");
        cli.errors.write(
          `WARNING: Found orphan containers (${names}) for this project. If you removed or renamed this service in your compose file, you can run this command with the --remove-orphans flag to clean it up.\n`,
        );
      },
    });
    if (asked.wait) await awaitAll(made, parts, asked["wait-timeout"]);
    if (isDetached || parts.isDryRun) return 0;
    return await attachUntilEnd(cli, project, made, parts, {
      services: attachedServices(project, args, asked),
      style: {
        isColoured: hasColours(cli, groupFlags, asked["no-color"]),
        hasPrefix: !asked["no-log-prefix"],
      },
      timestamps: asked.timestamps,
      beganAt,
      aborts: aborts ? "any" : asked["abort-on-container-failure"] ? "failure" : "never",
      exitCodeFrom: from,
      timeoutSeconds: timeoutOf(asked, isSet),
      isWatching: rules !== undefined,
      hasMenu: wantsMenu(cli, isSet("menu"), asked.menu),
      ...fileWatch(cli, parts, whole, rules ?? possibleRules(project, args), asked["quiet-build"]),
    });
  },
});

/** What the engine can do for it, and who is told what it cannot. */
async function rollingWay(cli: Cli): Promise<NonNullable<UpRequest["rolling"]>> {
  const { product } = await (await cli.engine()).ping();
  return {
    handsOver: product?.startsWith("Wharf/") ?? false,
    onAtOnce: (service, why) => {
      cli.errors.write(`WARNING: ${service} is made anew at once: ${why}\n`);
    },
  };
}

/** What could be watched; nothing where the file says nothing of it. */
function possibleRules(project: Project, named: readonly string[]): readonly WatchRule[] {
  const isDeveloped = [...project.services.values()].some(({ develop }) => develop?.watch);
  return isDeveloped ? watchRules(project, named) : [];
}

function fileWatch(
  cli: Cli,
  parts: CommandParts,
  project: Project,
  rules: readonly WatchRule[],
  isQuiet: boolean,
): Pick<AttachOptions, "watch"> {
  if (rules.length === 0) return {};
  return {
    watch: (onRecreated, signal) => {
      const watched = { project, rules, prunes: true, isQuiet, onRecreated };
      return watchProject(cli, parts, watched, signal);
    },
  };
}

interface AttachFlags {
  readonly attach: readonly string[];
  readonly "attach-dependencies": boolean;
  readonly "no-attach": readonly string[];
}

/** Those that were named, all where none was; without those that want no attaching. */
function attachedServices(
  project: Project,
  named: readonly string[],
  asked: AttachFlags,
): readonly string[] {
  for (const name of [...asked.attach, ...asked["no-attach"]]) {
    if (!project.services.has(name)) throw noSuchService(project, name);
  }
  if (asked.attach.length > 0) return asked.attach;
  const isAll = named.length === 0 || asked["attach-dependencies"];
  return [...project.services]
    .filter(([name, { attach }]) => attach !== false && !asked["no-attach"].includes(name))
    .map(([name]) => name)
    .filter((name) => isAll || named.includes(name));
}

/** @throws {ExitError} The time is up. */
async function awaitAll(
  made: MadeContainers,
  parts: ActParts,
  timeoutSeconds: number,
): Promise<void> {
  if (parts.isDryRun) return;
  const limit = timeoutSeconds > 0 ? AbortSignal.timeout(timeoutSeconds * 1000) : undefined;
  const all = [...made.values()].flat();
  try {
    await Promise.all(
      all.map(({ id }) => awaitHealthy(id, limit ? { ...parts, signal: limit } : parts)),
    );
  } catch (error) {
    if (!limit?.aborted) throw error;
    throw new ExitError("application not healthy after the --wait-timeout", 1, { cause: error });
  }
}
