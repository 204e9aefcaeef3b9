import { type Command, exactly } from "#cli/command/command.ts";
import { defineRestCommand, pathOf } from "#cli/registry/api.ts";

export const command: Command = defineRestCommand({
  usage: "ORGANISATION TEAM",
  args: exactly(2),
  flags: {},
  async run(api, { args }, cli) {
    const [organisation = "", name = ""] = args;
    await api.request("POST", `/organisations${pathOf(organisation, "teams")}`, { name });
    cli.output.write(`${name}\n`);
  },
});
