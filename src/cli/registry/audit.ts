import { type Command, noArguments } from "#cli/command/command.ts";
import { intFlag } from "#cli/command/flags.ts";
import { defineRestCommand, FORMAT_FLAG } from "./api.ts";

export const command: Command = defineRestCommand({
  usage: "[OPTIONS]",
  args: noArguments,
  flags: {
    ...FORMAT_FLAG,
    last: intFlag("Show at most so many entries", { default: 100, short: "n" }),
  },
  async run(api, { flags }) {
    const answer = await api.request("GET", `/audit?n=${flags.last}`);
    api.show(answer["entries"], {
      at: "TIME",
      actor: "ACTOR",
      address: "ADDRESS",
      action: "ACTION",
      object: "OBJECT",
    });
  },
});
