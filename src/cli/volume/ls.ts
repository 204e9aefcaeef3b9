import type { VolumeListResponse } from "@docker/node-sdk";
import { compareNaturally } from "#base/tables.ts";
import { type Command, defineCommand, noArguments } from "#cli/command/command.ts";
import { boolFlag, filterFlag, stringFlag } from "#cli/command/flags.ts";
import { listFormatHelp } from "#cli/output/format-help.ts";
import { chooseFormat, writeList } from "#cli/output/list.ts";
import { volumeListFormat } from "./list-format.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS]",
  args: noArguments,
  flags: {
    cluster: boolFlag("Display only cluster volumes, and use cluster volume list formatting", {
      minApi: "1.42",
    }),
    filter: filterFlag('Provide filter values (e.g. "dangling=true")', { short: "f" }),
    format: stringFlag(listFormatHelp),
    quiet: boolFlag("Only display volume names", { short: "q" }),
  },
  async run(cli, { flags }) {
    const engine = await cli.engine();
    const answer = await engine.getJson<VolumeListResponse>("/volumes", {
      query: { filters: flags.filter },
    });
    const volumes = (answer.Volumes ?? [])
      .filter((volume) => !flags.cluster || volume.ClusterVolume !== undefined)
      .sort((a, b) => compareNaturally(a.Name, b.Name));
    const list = volumeListFormat(flags.cluster);
    const format = flags.cluster
      ? "table"
      : chooseFormat(cli, { configKey: "volumesFormat" }, flags);
    writeList(cli, list, volumes, format, flags.quiet);
    for (const warning of answer.Warnings ?? []) cli.errors.write(`WARNING: ${warning}\n`);
    return 0;
  },
});
