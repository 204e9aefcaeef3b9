import { type Command, atLeast, defineCommand } from "#cli/command/command.ts";
import { stringFlag } from "#cli/command/flags.ts";
import { inspectFormatHelp } from "#cli/output/format-help.ts";
import { inspectObjects } from "#cli/output/inspect.ts";
import { pluginPath } from "./plugin-path.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] PLUGIN [PLUGIN...]",
  args: atLeast(1),
  completeArgs: ["plugins"],
  flags: { format: stringFlag(inspectFormatHelp, { short: "f" }) },
  async run(cli, { flags, args }) {
    const engine = await cli.engine();
    return inspectObjects(cli, args, flags.format, async (name) =>
      (await engine.request("GET", pluginPath(name, "/json"))).text(),
    );
  },
});
