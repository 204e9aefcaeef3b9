import { atLeast, type Command, defineCommand } from "#cli/command/command.ts";
import { containerPath, eachContainer } from "./each-container.ts";
import { warnOfIgnoredSignal } from "./session/ignored-signal.ts";
import { stopFlags, stopOptions, stopQuery } from "./stop-flags.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  args: atLeast(1),
  completeArgs: ["running-containers"],
  flags: stopFlags,
  async run(cli, { flags, args, isSet }) {
    const engine = await cli.engine();
    const query = stopQuery(flags, isSet);
    return eachContainer(cli, args, async (name) => {
      const began = cli.now();
      await engine.send("POST", containerPath(name, "/stop"), { query });
      const tookMs = cli.now().getTime() - began.getTime();
      await warnOfIgnoredSignal(cli, name, { ...stopOptions(flags, isSet), tookMs });
      return name;
    });
  },
});
