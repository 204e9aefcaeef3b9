import { wharfVersion } from "#base/version.ts";
import { type Command, defineCommand, noArguments } from "#cli/command/command.ts";
import { boolFlag, stringFlag } from "#cli/command/flags.ts";
import { dryRun } from "./project/flags.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS]",
  args: noArguments,
  flags: {
    "dry-run": dryRun,
    format: stringFlag("Format the output. Values: [pretty | json]. (Default: pretty)", {
      short: "f",
      complete: ["pretty", "json"],
    }),
    short: boolFlag("Shows only Compose's version number"),
  },
  run(cli, { flags }) {
    const text = flags.short
      ? wharfVersion
      : flags.format === "json"
        ? JSON.stringify({ version: wharfVersion })
        : `Wharf Compose version ${wharfVersion}`;
    cli.output.write(`${text}\n`);
    return Promise.resolve(0);
  },
});
