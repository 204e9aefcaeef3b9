import { type Command, exactly } from "#cli/command/command.ts";
import { defineRestCommand, FORMAT_FLAG, pathOf } from "#cli/registry/api.ts";

export const command: Command = defineRestCommand({
  usage: "[OPTIONS] REPOSITORY",
  args: exactly(1),
  flags: {
    ...FORMAT_FLAG,
  },
  async run(api, { args }) {
    const answer = await api.request(
      "GET",
      `/repositories${pathOf(args[0] ?? "", "tags")}?n=10000`,
    );
    api.show(answer["tags"], { name: "TAG", digest: "DIGEST", pushed: "PUSHED", pulled: "PULLED" });
  },
});
