import { InvalidArgumentError } from "#base/errors.ts";
import { formatDecimalSize } from "#base/sizes.ts";
import { type Command, defineCommand, noArguments } from "#cli/command/command.ts";
import { boolFlag, filterFlag } from "#cli/command/flags.ts";
import { confirm } from "#cli/output/confirm.ts";
import { pruneFilters } from "#cli/prune/prune-filters.ts";
import { showPrunePreview } from "#cli/prune/prune-preview.ts";
import { pruneVolumes } from "#cli/prune/prune-reports.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS]",
  args: noArguments,
  flags: {
    all: boolFlag("Remove all unused volumes, not just anonymous ones", {
      short: "a",
      minApi: "1.42",
    }),
    filter: filterFlag('Provide filter values (e.g. "label=<label>")'),
    force: boolFlag("Do not prompt for confirmation", { short: "f" }),
  },
  async run(cli, { flags }) {
    if (flags.all && flags.filter["all"] !== undefined) {
      throw new InvalidArgumentError(
        "conflicting options: cannot specify both --all and --filter all=1",
      );
    }
    const which = flags.all ? "all" : "anonymous";
    const question = `WARNING! This will remove ${which} local volumes not used by at least one container.\nAre you sure you want to continue?`;
    const filters = pruneFilters(cli, flags.filter);
    if (!flags.force) {
      const isAll = flags.all || filters["all"]?.some((value) => value !== "false") === true;
      await showPrunePreview(cli, { kinds: ["volume"], filters, allVolumes: isAll });
      if (!(await confirm(cli, question))) return 0;
    }
    const { text, reclaimedBytes } = await pruneVolumes(await cli.engine(), filters, flags.all);
    if (text !== "") cli.output.write(`${text}\n`);
    cli.output.write(`Total reclaimed space: ${formatDecimalSize(reclaimedBytes)}\n`);
    return 0;
  },
});
