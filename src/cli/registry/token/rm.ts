import { type Command, exactly } from "#cli/command/command.ts";
import { defineRestCommand, pathOf } from "#cli/registry/api.ts";

export const command: Command = defineRestCommand({
  usage: "ID",
  args: exactly(1),
  flags: {},
  async run(api, { args }, cli) {
    const [id = ""] = args;
    await api.request("DELETE", `/tokens${pathOf(id)}`);
    cli.output.write(`${id}\n`);
  },
});
