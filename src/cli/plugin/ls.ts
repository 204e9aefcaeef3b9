import type { Plugin } from "@docker/node-sdk";
import type { Command } from "#cli/command/command.ts";
import { sortedListCommand } from "#cli/output/sorted-list.ts";
import { pluginListFormat } from "./list-format.ts";

export const command: Command = sortedListCommand<Plugin>({
  path: "/plugins",
  help: {
    filter: 'Provide filter values (e.g. "enabled=true")',
    noTruncate: "Don't truncate output",
    quiet: "Only display plugin IDs",
  },
  configKey: "pluginsFormat",
  nameOf: (plugin) => plugin.Name,
  format: (showsAll) => pluginListFormat(!showsAll),
});
