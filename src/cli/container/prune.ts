import type { ContainerPruneResponse } from "@docker/node-sdk";
import { formatDecimalSize } from "#base/sizes.ts";
import { type Command, defineCommand, noArguments } from "#cli/command.ts";
import { boolFlag, filterFlag } from "#cli/flags.ts";
import { confirm } from "#cli/output/confirm.ts";

const WARNING = `WARNING! This will remove all stopped containers.
Are you sure you want to continue?`;

export const command: Command = defineCommand({
  usage: "[OPTIONS]",
  args: noArguments,
  flags: {
    filter: filterFlag('Provide filter values (e.g. "until=<timestamp>")'),
    force: boolFlag("Do not prompt for confirmation", { short: "f" }),
  },
  async run(cli, { flags }) {
    if (!flags.force && !(await confirm(cli, WARNING))) return 0;
    const engine = await cli.engine();
    const pruned = await engine.postJson<ContainerPruneResponse>("/containers/prune", {
      query: { filters: flags.filter },
    });
    const ids = pruned.ContainersDeleted ?? [];
    if (ids.length > 0) {
      cli.output.write(`Deleted Containers:\n${ids.map((id) => `${id}\n`).join("")}\n`);
    }
    cli.output.write(`Total reclaimed space: ${formatDecimalSize(pruned.SpaceReclaimed ?? 0)}\n`);
    return 0;
  },
});
