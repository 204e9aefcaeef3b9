import type { NetworkSummary } from "@docker/node-sdk";
import type { Command } from "#cli/command/command.ts";
import { sortedListCommand } from "#cli/output/sorted-list.ts";
import { networkListFormat } from "./list-format.ts";

export const command: Command = sortedListCommand<NetworkSummary>({
  path: "/networks",
  help: {
    filter: 'Provide filter values (e.g. "driver=bridge")',
    noTruncate: "Do not truncate the output",
    quiet: "Only display network IDs",
  },
  configKey: "networksFormat",
  nameOf: (network) => network.Name ?? "",
  format: (showsAll) => networkListFormat(showsAll),
});
