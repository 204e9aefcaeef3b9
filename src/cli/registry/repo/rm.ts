import { type Command, exactly } from "#cli/command/command.ts";
import { defineRestCommand, pathOf } from "#cli/registry/api.ts";

export const command: Command = defineRestCommand({
  usage: "REPOSITORY",
  args: exactly(1),
  flags: {},
  async run(api, { args }, cli) {
    const [name = ""] = args;
    await api.request("DELETE", `/repositories${pathOf(name)}`);
    cli.output.write(`${name}\n`);
  },
});
