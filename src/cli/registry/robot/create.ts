import { type Command, exactly } from "#cli/command/command.ts";
import { intFlag, listFlag } from "#cli/command/flags.ts";
import { defineRestCommand, pathOf } from "#cli/registry/api.ts";

export const command: Command = defineRestCommand({
  usage: "[OPTIONS] ORGANISATION NAME",
  args: exactly(2),
  flags: {
    expires: intFlag("Days until it is over (0 for never)"),
    scope: listFlag("What it may do, as repository:acme/*:pull,push"),
  },
  async run(api, { args, flags }, cli) {
    const [organisation = "", name = ""] = args;
    const answer = await api.request("POST", `/organisations${pathOf(organisation, "robots")}`, {
      name,
      scopes: flags.scope,
      expiresInDays: flags.expires,
    });
    cli.output.write(`${String(answer["login"])}\n${String(answer["token"])}\n`);
  },
});
