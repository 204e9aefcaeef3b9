import { type Command, defineCommand, noArguments } from "#cli/command/command.ts";

export const command: Command = defineCommand({
  usage: "",
  args: noArguments,
  flags: {},
  async run(cli) {
    cli.output.write(`${cli.contextName}\n`);
    return 0;
  },
});
