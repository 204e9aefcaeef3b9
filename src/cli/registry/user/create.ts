import { type Command, exactly } from "#cli/command/command.ts";
import { boolFlag } from "#cli/command/flags.ts";
import { defineRestCommand } from "#cli/registry/api.ts";
import { readSecret } from "#cli/registry/read-secret.ts";

export const command: Command = defineRestCommand({
  usage: "[OPTIONS] NAME",
  args: exactly(1),
  flags: {
    admin: boolFlag("May do everything on the registry"),
  },
  async run(api, { args, flags }, cli) {
    const [name = ""] = args;
    const password = await readSecret(cli);
    await api.request("POST", "/users", { name, password, admin: flags.admin });
    cli.output.write(`${name}\n`);
  },
});
