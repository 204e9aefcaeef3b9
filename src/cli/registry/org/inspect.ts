import { type Command, exactly } from "#cli/command/command.ts";
import { defineRestCommand, pathOf } from "#cli/registry/api.ts";

export const command: Command = defineRestCommand({
  usage: "NAME",
  args: exactly(1),
  flags: {},
  async run(api, { args }, cli) {
    const answer = await api.request("GET", `/organisations${pathOf(args[0] ?? "")}`);
    cli.output.write(`${JSON.stringify(answer, undefined, 2)}\n`);
  },
});
