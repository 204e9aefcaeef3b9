import { type Command, exactly } from "#cli/command/command.ts";
import { defineRestCommand, pathOf } from "#cli/registry/api.ts";

export const command: Command = defineRestCommand({
  usage: "ORGANISATION USER",
  args: exactly(2),
  flags: {},
  async run(api, { args }, cli) {
    const [name = "", user = ""] = args;
    await api.request("DELETE", `/organisations${pathOf(name, "members", user)}`);
    cli.output.write(`${user}\n`);
  },
});
