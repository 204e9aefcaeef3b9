import { atLeast, type Command, defineCommand } from "#cli/command/command.ts";
import { ExitError } from "#cli/command/exit-error.ts";
import { boolFlag, intFlag, stringFlag } from "#cli/command/flags.ts";
import { takeDown } from "#compose/act/down.ts";
import { noSuchService } from "#compose/select-services.ts";
import { dryRun } from "./project/flags.ts";
import { removesOrphans } from "./project/orphans.ts";
import { activeProfiles, actParts, nameAndProject, timeoutOf } from "./project/surroundings.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] [SERVICES]",
  args: atLeast(0),
  flags: {
    "dry-run": dryRun,
    "remove-orphans": boolFlag("Remove containers for services not defined in the Compose file"),
    rmi: stringFlag(
      'Remove images used by services. "local" remove only images that don\'t have a custom tag ("local"|"all")',
      { complete: ["local", "all"] },
    ),
    timeout: intFlag("Specify a shutdown timeout in seconds", { short: "t", type: "int" }),
    volumes: boolFlag(
      'Remove named volumes declared in the "volumes" section of the Compose file and anonymous volumes attached to containers',
      { short: "v" },
    ),
  },
  async run(cli, { flags, args, groupFlags, isSet }) {
    const { rmi } = flags;
    if (rmi !== "" && rmi !== "local" && rmi !== "all") {
      throw new ExitError(`invalid value for --rmi: ${JSON.stringify(rmi)}`, 1);
    }
    const { projectName, project } = await nameAndProject(cli, groupFlags);
    for (const name of args) {
      if (project && !project.services.has(name)) throw noSuchService(project, name);
    }
    using parts = await actParts(cli, groupFlags, flags);
    await takeDown(
      {
        projectName,
        project,
        services: args,
        profiles: activeProfiles(cli, groupFlags, project),
        removesOrphans: removesOrphans(cli, flags),
        withVolumes: flags.volumes,
        images: rmi === "" ? "none" : rmi,
        timeoutSeconds: timeoutOf(flags, isSet),
      },
      parts,
    );
    return 0;
  },
});
