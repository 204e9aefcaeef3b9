import { type Command, noArguments } from "#cli/command/command.ts";
import { defineRestCommand, FORMAT_FLAG } from "#cli/registry/api.ts";

export const command: Command = defineRestCommand({
  usage: "[OPTIONS]",
  args: noArguments,
  flags: {
    ...FORMAT_FLAG,
  },
  async run(api) {
    const answer = await api.request("GET", "/organisations");
    api.show(answer["organisations"], {
      name: "NAME",
      usedBytes: "USED",
      quotaBytes: "QUOTA",
      publicByDefault: "PUBLIC",
      created: "CREATED",
    });
  },
});
