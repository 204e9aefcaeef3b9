import { atLeast, type Command, defineCommand } from "#cli/command.ts";
import { boolFlag, stringFlag } from "#cli/flags.ts";
import { inspectFormatHelp } from "#cli/output/format-help.ts";
import { inspectObjects } from "#cli/output/inspect.ts";
import { containerPath } from "./each-container.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  args: atLeast(1),
  completeArgs: ["containers"],
  flags: {
    format: stringFlag(inspectFormatHelp, { short: "f" }),
    size: boolFlag("Display total file sizes", { short: "s" }),
  },
  async run(cli, { flags, args }) {
    const engine = await cli.engine();
    const query = { size: flags.size || undefined };
    return inspectObjects(cli, args, flags.format, async (name) =>
      (await engine.request("GET", containerPath(name, "/json"), { query })).text(),
    );
  },
});
