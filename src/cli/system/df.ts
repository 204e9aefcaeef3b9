import { type Command, defineCommand, noArguments } from "#cli/command/command.ts";
import { boolFlag, stringFlag } from "#cli/command/flags.ts";
import { listFormatHelp } from "#cli/output/format-help.ts";
import { writeList } from "#cli/output/list.ts";
import { sumsFormat, sumsRows } from "./df-sums.ts";
import { writeDetails } from "./df-details.ts";
import { type DiskUsageAnswer, readDiskUsage } from "./disk-usage.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS]",
  args: noArguments,
  flags: {
    format: stringFlag(listFormatHelp),
    verbose: boolFlag("Show detailed information on space usage", { short: "v" }),
  },
  async run(cli, { flags }) {
    const engine = await cli.engine();
    const answer = await engine.getJson<DiskUsageAnswer>("/system/df", {
      query: { verbose: flags.verbose ? "1" : undefined },
    });
    const figures = readDiskUsage(answer);
    if (flags.verbose) writeDetails(cli, figures, flags.format);
    else writeList(cli, sumsFormat, sumsRows(figures), flags.format || "table");
    return 0;
  },
});
