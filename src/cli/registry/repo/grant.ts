import { type Command, exactly } from "#cli/command/command.ts";
import { defineRestCommand, pathOf } from "#cli/registry/api.ts";

export const command: Command = defineRestCommand({
  usage: "REPOSITORY user:NAME|team:ORGANISATION/NAME read|write|admin",
  args: exactly(3),
  flags: {},
  async run(api, { args }, cli) {
    const [name = "", grantee = "", role = ""] = args;
    const path = `/repositories${pathOf(name, "grants", grantee)}`;
    await api.request("PUT", path, { role });
    cli.output.write(`${name} ${grantee} ${role}\n`);
  },
});
