import { atLeast, type Command, defineCommand } from "#cli/command/command.ts";
import { boolFlag } from "#cli/command/flags.ts";
import { openProject } from "#compose/open-project.ts";
import { withServices } from "#compose/select-services.ts";
import { dryRun } from "./project/flags.ts";
import { projectRequest } from "./project/request.ts";
import { pushImages } from "./pulling/push-images.ts";
import { actParts } from "./project/surroundings.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] [SERVICE...]",
  args: atLeast(0),
  flags: {
    "dry-run": dryRun,
    "ignore-push-failures": boolFlag("Push what it can and ignores images with push failures"),
    "include-deps": boolFlag("Also push images of services declared as dependencies"),
    quiet: boolFlag("Push without printing progress information", { short: "q" }),
  },
  async run(cli, { flags, args, groupFlags }) {
    const whole = await openProject(projectRequest(cli, groupFlags), { services: args });
    const withDependencies = flags["include-deps"];
    const project = withServices(whole, args, { withDependencies });
    using parts = await actParts(cli, groupFlags, flags);
    const pushed = [...project.services].flatMap(([name, { image, build }]) => {
      // only what is built here, and has a place to go to, is ours to push
      if (build && image !== undefined) return [{ name, images: [image, ...(build.tags ?? [])] }];
      if (!flags.quiet) parts.onProgress({ kind: "Service", name, status: "Skipped" });
      return [];
    });
    await pushImages(pushed, parts, {
      ignoresFailures: flags["ignore-push-failures"],
      isQuiet: flags.quiet,
    });
    return 0;
  },
});
