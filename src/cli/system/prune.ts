import { InvalidArgumentError } from "#base/errors.ts";
import { formatDecimalSize } from "#base/sizes.ts";
import { type Command, defineCommand, noArguments } from "#cli/command/command.ts";
import { boolFlag, filterFlag, type FilterValues } from "#cli/command/flags.ts";
import { confirm } from "#cli/output/confirm.ts";
import { pruneFilters } from "#cli/prune/prune-filters.ts";
import { showPrunePreview } from "#cli/prune/prune-preview.ts";
import {
  pruneBuildCache,
  pruneContainers,
  pruneImages,
  pruneNetworks,
  pruneVolumes,
} from "#cli/prune/prune-reports.ts";

/** Docker's warning, each kind a line and each filter a line. */
function question(all: boolean, volumes: boolean, filters: FilterValues): string {
  const kinds = [
    "all stopped containers",
    "all networks not used by at least one container",
    ...(volumes ? ["all anonymous volumes not used by at least one container"] : []),
    all ? "all images without at least one container associated to them" : "all dangling images",
    all ? "all build cache" : "unused build cache",
  ];
  const lines = Object.entries(filters)
    .flatMap(([name, values]) => values.map((value) => `${name}=${value}`))
    .sort();
  const filtered =
    lines.length === 0 ? "" : `\n  Items to be pruned will be filtered with:\n${bullets(lines)}`;
  return `WARNING! This will remove:\n${bullets(kinds)}${filtered}\nAre you sure you want to continue?`;
}

function bullets(lines: readonly string[]): string {
  return lines.map((line) => `  - ${line}\n`).join("");
}

export const command: Command = defineCommand({
  usage: "[OPTIONS]",
  args: noArguments,
  flags: {
    all: boolFlag("Remove all unused images not just dangling ones", { short: "a" }),
    filter: filterFlag('Provide filter values (e.g. "label=<key>=<value>")', { minApi: "1.28" }),
    force: boolFlag("Do not prompt for confirmation", { short: "f" }),
    volumes: boolFlag("Prune anonymous volumes"),
  },
  async run(cli, { flags }) {
    const { all, volumes } = flags;
    if (volumes && flags.filter["until"] !== undefined) {
      throw new InvalidArgumentError('ERROR: The "until" filter is not supported with "--volumes"');
    }
    const filters = pruneFilters(cli, flags.filter);
    if (!flags.force) {
      await showPrunePreview(cli, {
        kinds: ["container", ...(volumes ? (["volume"] as const) : []), "image", "build-cache"],
        filters,
        allImages: all,
      });
      if (!(await confirm(cli, question(all, volumes, filters)))) return 0;
    }
    const engine = await cli.engine();
    const prunes = [
      () => pruneContainers(engine, filters),
      () => pruneNetworks(engine, filters),
      ...(volumes ? [() => pruneVolumes(engine, filters, false)] : []),
      () => pruneImages(engine, filters, all),
      () => pruneBuildCache(engine, filters, all),
    ];
    let reclaimedBytes = 0;
    for (const prune of prunes) {
      const report = await prune();
      reclaimedBytes += report.reclaimedBytes;
      if (report.text !== "") cli.output.write(`${report.text}\n`);
    }
    cli.output.write(`Total reclaimed space: ${formatDecimalSize(reclaimedBytes)}\n`);
    return 0;
  },
});
