import { atLeast, type Command, defineCommand } from "#cli/command/command.ts";
import { intFlag } from "#cli/command/flags.ts";
import { inReverseOrder } from "#compose/act/by-dependency.ts";
import { meantContainers } from "#compose/act/each-container.ts";
import { stopOf } from "#compose/act/stop-containers.ts";
import { dryRun } from "./project/flags.ts";
import { actParts, nameAndProject, timeoutOf } from "./project/surroundings.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] [SERVICE...]",
  args: atLeast(0),
  flags: {
    "dry-run": dryRun,
    timeout: intFlag("Specify a shutdown timeout in seconds", { short: "t", type: "int" }),
  },
  async run(cli, { flags, args, groupFlags, isSet }) {
    const meant = { ...(await nameAndProject(cli, groupFlags)), services: args };
    using parts = await actParts(cli, groupFlags, flags);
    const timeoutSeconds = timeoutOf(flags, isSet);
    await inReverseOrder(await meantContainers(meant, parts), (container) =>
      parts.slots.run(() =>
        stopOf(meant.project?.services.get(container.service), container, timeoutSeconds, parts),
      ),
    );
    return 0;
  },
});
