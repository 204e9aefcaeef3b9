import type { ImagePruneResponse } from "@docker/node-sdk";
import { formatDecimalSize } from "#base/sizes.ts";
import { type Command, defineCommand, noArguments } from "#cli/command.ts";
import { boolFlag, filterFlag } from "#cli/flags.ts";
import { confirm } from "#cli/output/confirm.ts";
import { pruneFilters } from "#cli/prune-filters.ts";

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
    if (!flags.force && !(await confirm(cli, question))) return 0;
    const engine = await cli.engine();
    const filters = { ...pruneFilters(cli, flags.filter), dangling: [String(!flags.all)] };
    const report = await engine.postJson<ImagePruneResponse>("/images/prune", {
      query: { filters },
    });
    const lines = (report.ImagesDeleted ?? []).map((item) =>
      item.Untagged ? `untagged: ${item.Untagged}\n` : `deleted: ${item.Deleted ?? ""}\n`,
    );
    if (lines.length > 0) cli.output.write(`Deleted Images:\n${lines.join("")}\n`);
    cli.output.write(`Total reclaimed space: ${formatDecimalSize(report.SpaceReclaimed ?? 0)}\n`);
    return 0;
  },
});
