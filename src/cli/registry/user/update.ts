import { type Command, exactly } from "#cli/command/command.ts";
import { boolFlag } from "#cli/command/flags.ts";
import { defineRestCommand, pathOf } from "#cli/registry/api.ts";
import { readSecret } from "#cli/registry/read-secret.ts";

export const command: Command = defineRestCommand({
  usage: "[OPTIONS] NAME",
  args: exactly(1),
  flags: {
    admin: boolFlag("May do everything on the registry"),
    disabled: boolFlag("May not log in, nor use its tokens"),
    "password-stdin": boolFlag("Read a new password from stdin"),
  },
  async run(api, { args, flags, isSet }, cli) {
    const [name = ""] = args;
    await api.request("PATCH", `/users${pathOf(name)}`, {
      ...(isSet("admin") ? { admin: flags.admin } : {}),
      ...(isSet("disabled") ? { disabled: flags.disabled } : {}),
      ...(flags["password-stdin"] ? { password: await readSecret(cli) } : {}),
    });
    cli.output.write(`${name}\n`);
  },
});
