import { type Command, exactly } from "#cli/command/command.ts";
import { defineRestCommand, pathOf } from "#cli/registry/api.ts";

export const command: Command = defineRestCommand({
  usage: "ID",
  args: exactly(1),
  flags: {},
  async run(api, { args }, cli) {
    const answer = await api.request("POST", `/replications${pathOf(args[0] ?? "", "runs")}`);
    cli.output.write(`${String(answer["outcome"])}\n`);
  },
});
