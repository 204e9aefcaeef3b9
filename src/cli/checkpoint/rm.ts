import { type Command, defineCommand, exactly } from "#cli/command/command.ts";
import { containerPath } from "#cli/container/each-container.ts";
import { stringFlag } from "#cli/command/flags.ts";
import { experimentalEngine } from "./experimental.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] CONTAINER CHECKPOINT",
  args: exactly(2),
  completeArgs: ["containers", []],
  flags: { "checkpoint-dir": stringFlag("Use a custom checkpoint storage directory") },
  async run(cli, { flags, args, commandLine }) {
    const [container = "", checkpoint = ""] = args;
    const engine = await experimentalEngine(cli, commandLine);
    const path = containerPath(container, `/checkpoints/${encodeURIComponent(checkpoint)}`);
    await engine.send("DELETE", path, { query: { dir: flags["checkpoint-dir"] || undefined } });
    return 0;
  },
});
