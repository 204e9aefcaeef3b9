import { type Command, exactly } from "#cli/command/command.ts";
import { intFlag, listFlag } from "#cli/command/flags.ts";
import { defineRestCommand } from "#cli/registry/api.ts";

export const command: Command = defineRestCommand({
  usage: "[OPTIONS] NAME",
  args: exactly(1),
  flags: {
    expires: intFlag("Days until it is over (0 for never)"),
    scope: listFlag("What it may do, as repository:acme/*:pull,push"),
  },
  async run(api, { args, flags }, cli) {
    const answer = await api.request("POST", "/tokens", {
      name: args[0] ?? "",
      scopes: flags.scope,
      expiresInDays: flags.expires,
    });
    cli.output.write(`${String(answer["token"])}\n`);
  },
});
