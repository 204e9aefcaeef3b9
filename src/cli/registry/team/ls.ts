import { type Command, exactly } from "#cli/command/command.ts";
import { defineRestCommand, FORMAT_FLAG, pathOf } from "#cli/registry/api.ts";

export const command: Command = defineRestCommand({
  usage: "[OPTIONS] ORGANISATION",
  args: exactly(1),
  flags: {
    ...FORMAT_FLAG,
  },
  async run(api, { args }) {
    const answer = await api.request("GET", `/organisations${pathOf(args[0] ?? "", "teams")}`);
    api.show(answer["teams"], { name: "NAME", members: "MEMBERS" });
  },
});
