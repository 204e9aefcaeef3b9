import { type Command, atLeast, defineCommand } from "#cli/command/command.ts";
import { boolFlag, stringFlag } from "#cli/command/flags.ts";
import { inspectFormatHelp } from "#cli/output/format-help.ts";
import { inspectObjects } from "#cli/output/inspect.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] NETWORK [NETWORK...]",
  args: atLeast(1),
  completeArgs: ["networks"],
  flags: {
    format: stringFlag(inspectFormatHelp, { short: "f" }),
    verbose: boolFlag("Verbose output for diagnostics", { short: "v" }),
  },
  async run(cli, { flags, args }) {
    const engine = await cli.engine();
    const query = { verbose: flags.verbose || undefined };
    return inspectObjects(cli, args, flags.format, async (name) =>
      (await engine.request("GET", `/networks/${encodeURIComponent(name)}`, { query })).text(),
    );
  },
});
