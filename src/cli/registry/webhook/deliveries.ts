import { type Command, exactly } from "#cli/command/command.ts";
import { defineRestCommand, FORMAT_FLAG, pathOf } from "#cli/registry/api.ts";

export const command: Command = defineRestCommand({
  usage: "[OPTIONS] ID",
  args: exactly(1),
  flags: {
    ...FORMAT_FLAG,
  },
  async run(api, { args }) {
    const answer = await api.request("GET", `/webhooks${pathOf(args[0] ?? "", "deliveries")}`);
    api.show(answer["deliveries"], {
      id: "ID",
      status: "STATUS",
      attempts: "TRIES",
      answer: "ANSWER",
      created: "CREATED",
    });
  },
});
