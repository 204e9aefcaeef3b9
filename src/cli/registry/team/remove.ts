import { type Command, atLeast } from "#cli/command/command.ts";
import { defineRestCommand, pathOf } from "#cli/registry/api.ts";

export const command: Command = defineRestCommand({
  usage: "ORGANISATION TEAM USER [USER...]",
  args: atLeast(3),
  flags: {},
  async run(api, { args }, cli) {
    const [organisation = "", team = "", ...users] = args;
    for (const user of users) {
      const path = `/organisations${pathOf(organisation, "teams", team, "members", user)}`;
      await api.request("DELETE", path);
      cli.output.write(`${user}\n`);
    }
  },
});
