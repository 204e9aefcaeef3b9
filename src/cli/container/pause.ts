import { atLeast, type Command, defineCommand } from "#cli/command/command.ts";
import { containerPath, eachContainer } from "./each-container.ts";

export const command: Command = defineCommand({
  usage: "CONTAINER [CONTAINER...]",
  args: atLeast(1),
  completeArgs: ["running-containers"],
  flags: {},
  async run(cli, { args }) {
    const engine = await cli.engine();
    return eachContainer(cli, args, async (name) => {
      await engine.send("POST", containerPath(name, "/pause"));
      return name;
    });
  },
});
