import type { Plugin } from "@docker/node-sdk";
import { compareNaturally } from "#base/tables.ts";
import { type Command, defineCommand, noArguments } from "#cli/command.ts";
import { boolFlag, filterFlag, stringFlag } from "#cli/flags.ts";
import { listFormatHelp } from "#cli/output/format-help.ts";
import { chooseFormat, writeList } from "#cli/output/list.ts";
import { pluginListFormat } from "./list-format.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS]",
  args: noArguments,
  flags: {
    filter: filterFlag('Provide filter values (e.g. "enabled=true")', { short: "f" }),
    format: stringFlag(listFormatHelp),
    "no-trunc": boolFlag("Don't truncate output"),
    quiet: boolFlag("Only display plugin IDs", { short: "q" }),
  },
  async run(cli, { flags }) {
    const engine = await cli.engine();
    const plugins = await engine.getJson<Plugin[]>("/plugins", {
      query: { filters: flags.filter },
    });
    const sorted = [...plugins].sort((a, b) => compareNaturally(a.Name, b.Name));
    const format = chooseFormat(cli, { configKey: "pluginsFormat" }, flags);
    writeList(cli, pluginListFormat(!flags["no-trunc"]), sorted, format, flags.quiet);
    return 0;
  },
});
