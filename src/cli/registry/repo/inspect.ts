import { type Command, exactly } from "#cli/command/command.ts";
import { defineRestCommand, pathOf } from "#cli/registry/api.ts";

export const command: Command = defineRestCommand({
  usage: "REPOSITORY",
  args: exactly(1),
  flags: {},
  async run(api, { args }, cli) {
    const answer = await api.request("GET", `/repositories${pathOf(args[0] ?? "")}`);
    cli.output.write(`${JSON.stringify(answer, undefined, 2)}\n`);
  },
});
