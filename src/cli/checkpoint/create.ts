import { type Command, defineCommand, exactly } from "#cli/command/command.ts";
import { containerPath } from "#cli/container/each-container.ts";
import { boolFlag, stringFlag } from "#cli/command/flags.ts";
import { experimentalEngine } from "./experimental.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] CONTAINER CHECKPOINT",
  args: exactly(2),
  completeArgs: ["running-containers", []],
  flags: {
    "checkpoint-dir": stringFlag("Use a custom checkpoint storage directory"),
    "leave-running": boolFlag("Leave the container running after checkpoint"),
  },
  async run(cli, { flags, args, commandLine }) {
    const [container = "", checkpoint = ""] = args;
    const engine = await experimentalEngine(cli, commandLine);
    await engine.send("POST", containerPath(container, "/checkpoints"), {
      json: {
        CheckpointID: checkpoint,
        CheckpointDir: flags["checkpoint-dir"],
        Exit: !flags["leave-running"],
      },
    });
    cli.output.write(`${checkpoint}\n`);
    return 0;
  },
});
