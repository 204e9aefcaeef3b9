import { type Command, exactly } from "#cli/command/command.ts";
import { defineRestCommand, pathOf } from "#cli/registry/api.ts";

export const command: Command = defineRestCommand({
  usage: "ID DELIVERY",
  args: exactly(2),
  flags: {},
  async run(api, { args }, cli) {
    const [id = "", delivery = ""] = args;
    const path = `/webhooks${pathOf(id, "deliveries", delivery, "redelivery")}`;
    cli.output.write(`${String((await api.request("POST", path))["id"])}\n`);
  },
});
