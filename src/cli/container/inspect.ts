import { atLeast, type Command, defineCommand } from "#cli/command/command.ts";
import { boolFlag, stringFlag } from "#cli/command/flags.ts";
import { inspectFormatHelp } from "#cli/output/format-help.ts";
import { asFlag, recreationOf } from "#cli/recreate/as-flag.ts";
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
    if (isSet("as")) {
      const shape = recreationOf(flags, isSet);
      const { printRecreation } = await import("#cli/recreate/print.ts");
      return printRecreation(cli, args, shape);
    }
    const engine = await cli.engine();
    const query = { size: flags.size || undefined };
    return inspectObjects(cli, args, flags.format, async (name) =>
      (await engine.request("GET", containerPath(name, "/json"), { query })).text(),
    );
  },
});
