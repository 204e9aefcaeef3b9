import { atLeast, type Command, defineCommand } from "#cli/command/command.ts";
import { boolFlag, stringFlag } from "#cli/command/flags.ts";
import { inspectFormatHelp } from "#cli/output/format-help.ts";
import { asFlag, printRecreation, recreationOf } from "#cli/recreate/print.ts";
import { inspectObjects } from "#cli/output/inspect.ts";
import { containerPath } from "./each-container.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  args: atLeast(1),
  completeArgs: ["containers"],
  flags: {
    as: asFlag,
    format: stringFlag(inspectFormatHelp, { short: "f" }),
    size: boolFlag("Display total file sizes", { short: "s" }),
  },
  async run(cli, { flags, args, isSet }) {
    if (isSet("as")) return printRecreation(cli, args, recreationOf(flags, isSet));
    const engine = await cli.engine();
    const query = { size: flags.size || undefined };
    return inspectObjects(cli, args, flags.format, async (name) =>
      (await engine.request("GET", containerPath(name, "/json"), { query })).text(),
    );
  },
});
