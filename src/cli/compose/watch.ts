import { wharfVersion } from "#base/version.ts";
import { atLeast, type Command, defineCommand } from "#cli/command/command.ts";
import { ExitError } from "#cli/command/exit-error.ts";
import { boolFlag } from "#cli/command/flags.ts";
import { bringUp } from "#compose/act/up.ts";
import { openProject } from "#compose/open-project.ts";
import { withoutUnused, withServices } from "#compose/select-services.ts";
import { watchRules } from "#compose/watch/rules.ts";
import { imageBuilding } from "./building/image-building.ts";
import { dryRun } from "./project/flags.ts";
import { projectRequest } from "./project/request.ts";
import { actParts } from "./project/surroundings.ts";
import { watchProject } from "./watching/watch-project.ts";

const INTERRUPTED = 130;

export const command: Command = defineCommand({
  usage: "[SERVICE...]",
  args: atLeast(0),
  flags: {
    "dry-run": dryRun,
    "no-up": boolFlag("Do not build & start services before watching"),
    prune: boolFlag("Prune dangling images on rebuild", { default: true }),
    quiet: boolFlag("hide build output"),
  },
  async run(cli, { flags, args, groupFlags }) {
    const whole = await openProject(projectRequest(cli, groupFlags), { services: args });
    const project = withoutUnused(withServices(whole, args, { withDependencies: true }));
    const rules = watchRules(project, args);
    using parts = await actParts(cli, groupFlags, flags);
    const isQuiet = flags.quiet;
    const interruption = cli.interruption();
    if (!flags["no-up"]) {
      await bringUp(project, parts, {
        services: args,
        recreate: "diverged",
        recreateDependencies: "diverged",
        scale: new Map(),
        removesOrphans: false,
        renewsVolumes: false,
        timeoutSeconds: undefined,
        pull: "policy",
        isQuietPull: isQuiet,
        building: imageBuilding(cli, whole, parts, { build: true, noBuild: false, isQuiet }),
        isStarted: true,
        version: wharfVersion,
      });
    }
    if (parts.isDryRun) throw new ExitError("watch is not supported in dry-run mode", 1);
    const watched = { project: whole, rules, prunes: flags.prune, isQuiet };
    await watchProject(cli, parts, watched, interruption);
    return INTERRUPTED;
  },
});
