import { atLeast, type Command, defineCommand } from "#cli/command/command.ts";
import { stringFlag } from "#cli/command/flags.ts";
import { containerPath, eachContainer } from "./each-container.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  args: atLeast(1),
  completeArgs: ["running-containers"],
  flags: { signal: stringFlag("Signal to send to the container", { short: "s" }) },
  async run(cli, { flags, args }) {
    const engine = await cli.engine();
    const query = { signal: flags.signal === "" ? undefined : flags.signal };
    return eachContainer(cli, args, async (name) => {
      await engine.send("POST", containerPath(name, "/kill"), { query });
      return name;
    });
  },
});
