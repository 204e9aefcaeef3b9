import { type Command, defineCommand, noArguments } from "#cli/command/command.ts";
import { connectEngine, resolveEngine } from "#cli/engine/open-engine.ts";

// What `ssh://` endpoints run on the far side: standard streams and the engine's socket become one.
export const command: Command = defineCommand({
  usage: "",
  args: noArguments,
  flags: {},
  async run(cli) {
    const connection = await connectEngine(cli, resolveEngine(cli));
    const sending = (async () => {
      for await (const chunk of cli.input.chunks()) await connection.write(chunk);
      connection.closeWrite();
    })();
    // A failure to send shows as the end of what we receive; waiting for it here would outlast that.
    sending.catch(() => connection.close());
    for (;;) {
      const chunk = await connection.read();
      if (!chunk) return 0;
      await cli.output.pump(chunk);
    }
  },
});
