import { type Command, exactly } from "#cli/command/command.ts";
import { defineRestCommand, pathOf } from "#cli/registry/api.ts";

export const command: Command = defineRestCommand({
  usage: "REPOSITORY user:NAME|team:ORGANISATION/NAME",
  args: exactly(2),
  flags: {},
  async run(api, { args }, cli) {
    const [name = "", grantee = ""] = args;
    await api.request("DELETE", `/repositories${pathOf(name, "grants", grantee)}`);
    cli.output.write(`${name} ${grantee}\n`);
  },
});
