import type { NetworkSummary } from "@docker/node-sdk";
import { compareNaturally } from "#base/tables.ts";
import { type Command, defineCommand, noArguments } from "#cli/command.ts";
import { boolFlag, filterFlag, stringFlag } from "#cli/flags.ts";
import { listFormatHelp } from "#cli/output/format-help.ts";
import { chooseFormat, writeList } from "#cli/output/list.ts";
import { networkListFormat } from "./list-format.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS]",
  args: noArguments,
  flags: {
    filter: filterFlag('Provide filter values (e.g. "driver=bridge")', { short: "f" }),
    format: stringFlag(listFormatHelp),
    "no-trunc": boolFlag("Do not truncate the output"),
    quiet: boolFlag("Only display network IDs", { short: "q" }),
  },
  async run(cli, { flags }) {
    const engine = await cli.engine();
    const networks = await engine.getJson<readonly NetworkSummary[]>("/networks", {
      query: { filters: flags.filter },
    });
    const sorted = networks.toSorted((a, b) => compareNaturally(a.Name ?? "", b.Name ?? ""));
    const format = chooseFormat(cli, { configKey: "networksFormat" }, flags);
    writeList(cli, networkListFormat(flags["no-trunc"]), sorted, format, flags.quiet);
    return 0;
  },
});
