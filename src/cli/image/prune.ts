import { formatDecimalSize } from "#base/sizes.ts";
import { type Command, defineCommand, noArguments } from "#cli/command/command.ts";
import { boolFlag, filterFlag } from "#cli/command/flags.ts";
import { confirm } from "#cli/output/confirm.ts";
import { pruneFilters } from "#cli/prune/prune-filters.ts";
import { showPrunePreview } from "#cli/prune/prune-preview.ts";
import { pruneImages } from "#cli/prune/prune-reports.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS]",
  args: noArguments,
  flags: {
    all: boolFlag("Remove all unused images, not just dangling ones", { short: "a" }),
    filter: filterFlag('Provide filter values (e.g. "until=<timestamp>")'),
    force: boolFlag("Do not prompt for confirmation", { short: "f" }),
  },
  async run(cli, { flags }) {
    const what = flags.all
      ? "all images without at least one container associated to them"
      : "all dangling images";
    const question = `WARNING! This will remove ${what}.\nAre you sure you want to continue?`;
    const filters = pruneFilters(cli, flags.filter);
    if (!flags.force) {
      await showPrunePreview(cli, { kinds: ["image"], filters, allImages: flags.all });
      if (!(await confirm(cli, question))) return 0;
    }
    const { text, reclaimedBytes } = await pruneImages(await cli.engine(), filters, flags.all);
    if (text !== "") cli.output.write(`${text}\n`);
    cli.output.write(`Total reclaimed space: ${formatDecimalSize(reclaimedBytes)}\n`);
    return 0;
  },
});
