import { type Command, between } from "#cli/command/command.ts";
import { intFlag } from "#cli/command/flags.ts";
import { defineRestCommand, FORMAT_FLAG } from "#cli/registry/api.ts";

export const command: Command = defineRestCommand({
  usage: "[OPTIONS] [TEXT]",
  args: between(0, 1),
  flags: {
    ...FORMAT_FLAG,
    last: intFlag("Show at most so many", { default: 1000, short: "n" }),
  },
  async run(api, { args, flags }) {
    const query = new URLSearchParams({ q: args[0] ?? "", n: String(flags.last) });
    const answer = await api.request("GET", `/repositories?${query.toString()}`);
    api.show(answer["repositories"], {
      name: "NAME",
      public: "PUBLIC",
      pulls: "PULLS",
      created: "CREATED",
      description: "DESCRIPTION",
    });
  },
});
