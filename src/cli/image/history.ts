import type { HistoryResponseItem } from "@docker/node-sdk";
import { formatDecimalSize } from "#base/sizes.ts";
import { ellipsize } from "#base/tables.ts";
import { type Command, defineCommand, exactly } from "#cli/command/command.ts";
import { boolFlag, stringFlag } from "#cli/command/flags.ts";
import { listFormatHelp } from "#cli/output/format-help.ts";
import { type ListFormat, chooseFormat, writeList } from "#cli/output/list.ts";
import { localRfc3339, shortId, timeAgo } from "#cli/output/texts.ts";
import { optionalPlatformQuery } from "./platform-flag.ts";

const createdByColumns = 45;

/** Layers without a time, and those that say the epoch or thereabouts, have no age. */
const oldestAgeMs = Date.UTC(2000, 0, 1);

function historyFormat(
  now: Date,
  isHuman: boolean,
  truncate: boolean,
): ListFormat<HistoryResponseItem> {
  const created = isHuman ? "{{.CreatedSince}}" : "{{.CreatedAt}}";
  return {
    goType: "*formatter.historyContext",
    table: `{{.ID}}\t${created}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}`,
    quiet: "{{.ID}}",
    headers: {
      ID: "IMAGE",
      CreatedAt: "CREATED AT",
      CreatedSince: "CREATED",
      CreatedBy: "CREATED BY",
      Size: "SIZE",
      Comment: "COMMENT",
    },
    fields: (layer) => {
      const createdBy = layer.CreatedBy.replaceAll("\t", " ");
      const createdAt = (): string => localRfc3339(layer.Created);
      return {
        ID: truncate ? shortId(layer.Id) : layer.Id,
        CreatedAt: createdAt,
        CreatedSince: isHuman ? ageOf(layer, now) : createdAt,
        CreatedBy: truncate ? ellipsize(createdBy, createdByColumns) : createdBy,
        Size: isHuman ? formatDecimalSize(layer.Size, 3) : String(layer.Size),
        Comment: layer.Comment,
      };
    },
  };
}

function ageOf(layer: HistoryResponseItem, now: Date): string {
  const createdMs = layer.Created * 1000;
  return createdMs <= oldestAgeMs ? "N/A" : timeAgo(createdMs, now);
}

export const command: Command = defineCommand({
  usage: "[OPTIONS] IMAGE",
  args: exactly(1),
  completeArgs: ["images"],
  flags: {
    format: stringFlag(listFormatHelp),
    human: boolFlag("Print sizes and dates in human readable format", {
      short: "H",
      default: true,
    }),
    "no-trunc": boolFlag("Don't truncate output"),
    platform: stringFlag(
      'Show history for the given platform. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")',
      { minApi: "1.48" },
    ),
    quiet: boolFlag("Only show image IDs", { short: "q" }),
  },
  async run(cli, { flags, args }) {
    const [name = ""] = args;
    const platform = optionalPlatformQuery(flags.platform);
    const engine = await cli.engine();
    const layers = await engine.getJson<HistoryResponseItem[]>(
      `/images/${encodeURIComponent(name)}/history`,
      { query: { platform } },
    );
    const list = historyFormat(cli.now(), flags.human, !flags["no-trunc"]);
    writeList(cli, list, layers, chooseFormat(cli, {}, flags), flags.quiet);
    return 0;
  },
});
