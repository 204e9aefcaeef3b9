import { type Command, exactly } from "#cli/command/command.ts";
import { defineRestCommand, pathOf } from "#cli/registry/api.ts";

export const command: Command = defineRestCommand({
  usage: "ORGANISATION ID",
  args: exactly(2),
  flags: {},
  async run(api, { args }, cli) {
    const [organisation = "", id = ""] = args;
    await api.request("DELETE", `/organisations${pathOf(organisation, "robots", id)}`);
    cli.output.write(`${id}\n`);
  },
});
