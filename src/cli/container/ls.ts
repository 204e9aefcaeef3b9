import type { ContainerSummary } from "@docker/node-sdk";
import { type Command, defineCommand, noArguments } from "#cli/command/command.ts";
import { boolFlag, filterFlag, intFlag, stringFlag } from "#cli/command/flags.ts";
import { listFormatHelp } from "#cli/output/format-help.ts";
import { chooseFormat, writeList } from "#cli/output/list.ts";
import { containerListFormat } from "./list-format.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS]",
  args: noArguments,
  flags: {
    all: boolFlag("Show all containers (default shows just running)", { short: "a" }),
    filter: filterFlag("Filter output based on conditions provided", { short: "f" }),
    format: stringFlag(listFormatHelp),
    last: intFlag("Show n last created containers (includes all states)", {
      short: "n",
      default: -1,
    }),
    latest: boolFlag("Show the latest created container (includes all states)", { short: "l" }),
    "no-trunc": boolFlag("Don't truncate output"),
    quiet: boolFlag("Only display container IDs", { short: "q" }),
    size: boolFlag("Display total file sizes", { short: "s" }),
  },
  async run(cli, { flags, isSet }) {
    const { quiet } = flags;
    if (quiet && flags.format !== "") {
      cli.errors.write(
        "WARNING: Ignoring custom format, because both --format and --quiet are set.\n",
      );
    }
    const format = quiet ? "table" : chooseFormat(cli, { configKey: "psFormat" }, flags);
    const showsSize = isSet("size") ? flags.size : usesSize(format);
    const limit = flags.latest && !isSet("last") ? 1 : flags.last;
    const engine = await cli.engine();
    const containers = await engine.getJson<ContainerSummary[]>("/containers/json", {
      query: {
        all: flags.all || undefined,
        limit: limit > 0 ? limit : undefined,
        size: showsSize || undefined,
        filters: flags.filter,
      },
    });
    const list = containerListFormat(cli.now(), !flags["no-trunc"], flags.size);
    writeList(cli, list, containers, format, quiet);
    return 0;
  },
});

/** Whether a template asks for sizes, which cost the engine a walk: by name, or as a part of the whole row. */
function usesSize(format: string): boolean {
  return /\.Size\b/.test(format) || /\bjson\s+\.\s*[)}|]/.test(format);
}
