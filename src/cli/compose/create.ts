import { wharfVersion } from "#base/version.ts";
import { atLeast, type Command, defineCommand } from "#cli/command/command.ts";
import { ExitError } from "#cli/command/exit-error.ts";
import { boolFlag, listFlag, stringFlag } from "#cli/command/flags.ts";
import type { PullChoice } from "#compose/act/images.ts";
import { bringUp } from "#compose/act/up.ts";
import { openProject } from "#compose/open-project.ts";
import type { UpOptions } from "#compose/plan/plan-up.ts";
import { withoutUnused, withServices } from "#compose/select-services.ts";
import { imageBuilding } from "./building/image-building.ts";
import { checkNeeded, checkPublished } from "./project/before-up.ts";
import { dryRun } from "./project/flags.ts";
import { projectRequest } from "./project/request.ts";
import { actParts, parseScale } from "./project/surroundings.ts";

const PULLS: readonly PullChoice[] = ["policy", "always", "missing", "never", "build"];

export const command: Command = defineCommand({
  usage: "[OPTIONS] [SERVICE...]",
  args: atLeast(0),
  flags: {
    build: boolFlag("Build images before starting containers"),
    "dry-run": dryRun,
    "force-recreate": boolFlag(
      "Recreate containers even if their configuration and image haven't changed",
    ),
    "no-build": boolFlag("Don't build an image, even if it's policy"),
    "no-recreate": boolFlag(
      "If containers already exist, don't recreate them. Incompatible with --force-recreate.",
    ),
    pull: stringFlag('Pull image before running ("always"|"missing"|"never"|"build")', {
      default: "policy",
      complete: PULLS,
    }),
    "quiet-pull": boolFlag("Pull without printing progress information"),
    "remove-orphans": boolFlag("Remove containers for services not defined in the Compose file"),
    scale: listFlag(
      "Scale SERVICE to NUM instances. Overrides the `scale` setting in the Compose file if present.",
      { type: "stringArray" },
    ),
    yes: boolFlag('Assume "yes" as answer to all prompts and run non-interactively', {
      short: "y",
    }),
  },
  async run(cli, { flags, args, groupFlags }) {
    const whole = await openProject(projectRequest(cli, groupFlags), { services: args });
    const project = withoutUnused(withServices(whole, args, { withDependencies: true }));
    await checkNeeded(cli, project);
    using parts = await actParts(cli, groupFlags, flags);
    await bringUp(project, parts, {
      services: args,
      recreate: recreateChoice(flags),
      recreateDependencies: "diverged",
      scale: parseScale(flags.scale, project),
      removesOrphans: flags["remove-orphans"],
      renewsVolumes: false,
      timeoutSeconds: undefined,
      pull: pullChoice(flags.pull),
      isQuietPull: flags["quiet-pull"],
      building: imageBuilding(cli, whole, parts, {
        build: flags.build,
        noBuild: flags["no-build"],
        isQuiet: false,
      }),
      isStarted: false,
      onPlan: (plan) => checkPublished(cli, project, plan),
      version: wharfVersion,
    });
    return 0;
  },
});

export function recreateChoice(flags: {
  readonly "force-recreate": boolean;
  readonly "no-recreate": boolean;
}): UpOptions["recreate"] {
  if (flags["force-recreate"] && flags["no-recreate"]) {
    throw new ExitError("--force-recreate and --no-recreate are incompatible", 1);
  }
  if (flags["force-recreate"]) return "force";
  return flags["no-recreate"] ? "never" : "diverged";
}

export function pullChoice(text: string): PullChoice {
  const found = PULLS.find((each) => each === text);
  if (found) return found;
  throw new ExitError(`invalid --pull option ${JSON.stringify(text)}: want ${PULLS.join(", ")}`, 1);
}
