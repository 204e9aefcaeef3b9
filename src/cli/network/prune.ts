import { type Command, defineCommand, noArguments } from "#cli/command/command.ts";
import { boolFlag, filterFlag } from "#cli/command/flags.ts";
import { confirm } from "#cli/output/confirm.ts";
import { pruneFilters } from "#cli/prune/prune-filters.ts";
import { pruneNetworks } from "#cli/prune/prune-reports.ts";

const WARNING = `WARNING! This will remove all custom networks not used by at least one container.
Are you sure you want to continue?`;

export const command: Command = defineCommand({
  usage: "[OPTIONS]",
  args: noArguments,
  flags: {
    filter: filterFlag('Provide filter values (e.g. "until=<timestamp>")'),
    force: boolFlag("Do not prompt for confirmation", { short: "f" }),
  },
  async run(cli, { flags }) {
    const filters = pruneFilters(cli, flags.filter);
    if (!flags.force && !(await confirm(cli, WARNING))) return 0;
    const { text } = await pruneNetworks(await cli.engine(), filters);
    if (text !== "") cli.output.write(`${text}\n`);
    return 0;
  },
});
