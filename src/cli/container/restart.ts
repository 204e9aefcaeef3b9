import { atLeast, type Command, defineCommand } from "#cli/command/command.ts";
import { containerPath, eachContainer } from "./each-container.ts";
import { stopFlags, stopQuery } from "./stop-flags.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  args: atLeast(1),
  completeArgs: ["containers"],
  flags: stopFlags,
  async run(cli, { flags, args, isSet }) {
    const engine = await cli.engine();
    const query = stopQuery(flags, isSet);
    return eachContainer(cli, args, async (name) => {
      await engine.send("POST", containerPath(name, "/restart"), { query });
      return name;
    });
  },
});
