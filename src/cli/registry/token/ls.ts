import { type Command, noArguments } from "#cli/command/command.ts";
import { defineRestCommand, FORMAT_FLAG } from "#cli/registry/api.ts";

export const command: Command = defineRestCommand({
  usage: "[OPTIONS]",
  args: noArguments,
  flags: {
    ...FORMAT_FLAG,
  },
  async run(api) {
    const answer = await api.request("GET", "/tokens");
    api.show(answer["tokens"], {
      id: "ID",
      name: "NAME",
      scopes: "SCOPES",
      expires: "EXPIRES",
      used: "USED",
    });
  },
});
