import { type Command, exactly } from "#cli/command/command.ts";
import { defineRestCommand, pathOf } from "#cli/registry/api.ts";

export const command: Command = defineRestCommand({
  usage: "NAME",
  args: exactly(1),
  flags: {},
  async run(api, { args }, cli) {
    const [name = ""] = args;
    await api.request("DELETE", `/users${pathOf(name)}`);
    cli.output.write(`${name}\n`);
  },
});
