import { type Command, exactly } from "#cli/command/command.ts";
import { boolFlag } from "#cli/command/flags.ts";
import { defineRestCommand, pathOf } from "#cli/registry/api.ts";

export const command: Command = defineRestCommand({
  usage: "[OPTIONS] ORGANISATION USER",
  args: exactly(2),
  flags: {
    owner: boolFlag("Has the role admin on all repositories"),
  },
  async run(api, { args, flags }, cli) {
    const [name = "", user = ""] = args;
    const path = `/organisations${pathOf(name, "members", user)}`;
    await api.request("PUT", path, { owner: flags.owner });
    cli.output.write(`${user}\n`);
  },
});
