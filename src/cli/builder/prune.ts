import { formatDecimalSize } from "#base/sizes.ts";
import { type Command, defineCommand, noArguments } from "#cli/command/command.ts";
import { bytesFlag } from "#cli/container/create-request/resources.ts";
import { boolFlag, filterFlag } from "#cli/command/flags.ts";
import { confirm } from "#cli/output/confirm.ts";
import { pruneFilters } from "#cli/prune/prune-filters.ts";
import { pruneBuildCache } from "#cli/prune/prune-reports.ts";

export const command: Command = defineCommand({
  usage: "",
  args: noArguments,
  flags: {
    all: boolFlag("Remove all unused build cache, not just dangling ones", { short: "a" }),
    filter: filterFlag('Provide filter values (e.g. "until=24h")'),
    force: boolFlag("Do not prompt for confirmation", { short: "f" }),
    "keep-storage": bytesFlag("Amount of disk space to keep for cache"),
  },
  async run(cli, { flags }) {
    const which = flags.all ? "all" : "all dangling";
    const question = `WARNING! This will remove ${which} build cache.\nAre you sure you want to continue?`;
    if (!flags.force && !(await confirm(cli, question))) return 0;
    const engine = await cli.engine();
    const filters = pruneFilters(cli, flags.filter);
    const { text, reclaimedBytes } = await pruneBuildCache(engine, filters, flags.all, {
      keepBytes: flags["keep-storage"],
    });
    if (text !== "") cli.output.write(`${text}\n`);
    cli.output.write(`Total reclaimed space: ${formatDecimalSize(reclaimedBytes)}\n`);
    return 0;
  },
});
