import { type Command, noArguments } from "#cli/command/command.ts";
import { defineRestCommand } from "./api.ts";

export const command: Command = defineRestCommand({
  usage: "",
  args: noArguments,
  flags: {},
  async run(api, _invocation, cli) {
    const answer = await api.request("GET", "/statistics");
    cli.output.write(`${JSON.stringify(answer, undefined, 2)}\n`);
  },
});
