import type { ContainerTopResponse } from "@docker/node-sdk";
import { formatTabbed } from "#base/tables.ts";
import { atLeast, type Command, defineCommand } from "#cli/command/command.ts";
import { containerPath } from "./each-container.ts";

export const command: Command = defineCommand({
  usage: "CONTAINER [ps OPTIONS]",
  args: atLeast(1),
  interspersed: false,
  completeArgs: ["running-containers", []],
  flags: {},
  async run(cli, { args }) {
    const [name = "", ...psOptions] = args;
    const engine = await cli.engine();
    const query = { ps_args: psOptions.length > 0 ? psOptions.join(" ") : undefined };
    const top = await engine.getJson<ContainerTopResponse>(containerPath(name, "/top"), { query });
    const rows = [top.Titles ?? [], ...(top.Processes ?? [])];
    const text = rows.map((row) => `${row.join("\t")}\n`).join("");
    cli.output.write(formatTabbed(text, { minCellWidth: 20 }));
    return 0;
  },
});
