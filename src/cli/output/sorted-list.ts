import { compareNaturally } from "#base/tables.ts";
import { type Command, defineCommand, noArguments } from "#cli/command/command.ts";
import { boolFlag, filterFlag, stringFlag } from "#cli/command/flags.ts";
import { listFormatHelp } from "./format-help.ts";
import { chooseFormat, type ListFormat, writeList } from "./list.ts";

export interface SortedListOptions<Row> {
  /** Where the engine lists them: `/networks`. */
  readonly path: string;
  /** Help texts of flags that each command words in its own way. */
  readonly help: { readonly filter: string; readonly noTruncate: string; readonly quiet: string };
  /** Key of the configuration file that replaces the default format. */
  readonly configKey: string;
  nameOf(row: Row): string;
  format(showsAll: boolean): ListFormat<Row>;
}

/** A command that lists one kind of object in the natural order of names. */
export function sortedListCommand<Row>(options: SortedListOptions<Row>): Command {
  const { path, help, configKey, nameOf } = options;
  return defineCommand({
    usage: "[OPTIONS]",
    args: noArguments,
    flags: {
      filter: filterFlag(help.filter, { short: "f" }),
      format: stringFlag(listFormatHelp),
      "no-trunc": boolFlag(help.noTruncate),
      quiet: boolFlag(help.quiet, { short: "q" }),
    },
    async run(cli, { flags }) {
      const engine = await cli.engine();
      const rows = await engine.getJson<readonly Row[]>(path, {
        query: { filters: flags.filter },
      });
      const sorted = rows.toSorted((a, b) => compareNaturally(nameOf(a), nameOf(b)));
      const format = chooseFormat(cli, { configKey }, flags);
      writeList(cli, options.format(flags["no-trunc"]), sorted, format, flags.quiet);
      return 0;
    },
  });
}
