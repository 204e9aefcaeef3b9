import { type Command, atLeast, defineCommand } from "#cli/command/command.ts";
import { stringFlag } from "#cli/command/flags.ts";
import { inspectFormatHelp } from "#cli/output/format-help.ts";
import { inspectObjects } from "#cli/output/inspect.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] VOLUME [VOLUME...]",
  args: atLeast(1),
  completeArgs: ["volumes"],
  flags: { format: stringFlag(inspectFormatHelp, { short: "f" }) },
  async run(cli, { flags, args }) {
    const engine = await cli.engine();
    return inspectObjects(cli, args, flags.format, async (name) =>
      (await engine.request("GET", `/volumes/${encodeURIComponent(name)}`)).text(),
    );
  },
});
