import type { BuildCache, ContainerSummary } from "@docker/node-sdk";
import { TemplateStruct } from "#base/go-template/values.ts";
import { formatDecimalSize } from "#base/sizes.ts";
import type { Cli } from "#cli/cli.ts";
import { containerListFormat } from "#cli/container/list-format.ts";
import { imageListFormat, imageRows } from "#cli/image/list-format.ts";
import { type ListFormat, writeList } from "#cli/output/list.ts";
import { compileListTemplate } from "#cli/output/template.ts";
import { shortId, timeAgo } from "#cli/output/texts.ts";
import { volumeListFormat } from "#cli/volume/list-format.ts";
import type { DiskUsageFigures, StorageFigures } from "./disk-usage.ts";

const imageTable =
  "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t{{.SharedSize}}\t" +
  "{{.UniqueSize}}\t{{.Containers}}";
const containerTable =
  "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t{{.RunningFor}}\t" +
  "{{.Status}}\t{{.Names}}";
const volumeTable = "{{.Name}}\t{{.Links}}\t{{.Size}}";

function buildCacheFormat(now: Date, truncate: boolean): ListFormat<BuildCache> {
  return {
    goType: "*formatter.buildCacheContext",
    table:
      "{{.ID}}\t{{.CacheType}}\t{{.Size}}\t{{.CreatedSince}}\t{{.LastUsedSince}}\t" +
      "{{.UsageCount}}\t{{.Shared}}",
    quiet: "{{.ID}}",
    headers: {
      ID: "CACHE ID",
      Parent: "PARENT",
      CacheType: "CACHE TYPE",
      Size: "SIZE",
      CreatedSince: "CREATED",
      LastUsedSince: "LAST USED",
      UsageCount: "USAGE",
      InUse: "IN USE",
      Shared: "SHARED",
      Description: "DESCRIPTION",
    },
    fields: (record) => ({
      ID: buildCacheId(record, truncate),
      Parent: (record.Parents ?? []).join(", "),
      CacheType: record.Type ?? "",
      Description: record.Description ?? "",
      Size: formatDecimalSize(record.Size ?? 0, 3),
      CreatedSince: since(record.CreatedAt, now),
      LastUsedSince: since(record.LastUsedAt ?? undefined, now),
      UsageCount: String(record.UsageCount ?? 0),
      InUse: String(record.InUse ?? false),
      Shared: String(record.Shared ?? false),
    }),
  };
}

function buildCacheId(record: BuildCache, truncate: boolean): string {
  const id = record.ID ?? "";
  const shown = truncate ? shortId(id) : id;
  return record.InUse ? `${shown}*` : shown;
}

function since(time: Date | string | undefined, now: Date): string {
  return time === undefined ? "" : timeAgo(new Date(time).getTime(), now);
}

/** A container's own bytes; those of its image stand with the image. */
function withoutRoot(container: ContainerSummary): ContainerSummary {
  return { ...container, SizeRootFs: -1 };
}

/** `system df --verbose`: docker's four tables, or one template over all four lists. */
export function writeDetails(cli: Cli, figures: DiskUsageFigures, format: string): void {
  if (format === "" || format === "table") writeTables(cli, figures);
  else writeTemplate(cli, figures, format);
}

function writeTables(cli: Cli, figures: DiskUsageFigures): void {
  const now = cli.now();
  const write = (text: string): void => cli.output.write(text);
  write("Images space usage:\n\n");
  const images = { ...imageListFormat(now, true, false), table: imageTable };
  writeList(cli, images, imageRows(figures.images.items, false), "table");
  write("\nContainers space usage:\n\n");
  const containers = { ...containerListFormat(now, true, true), table: containerTable };
  writeList(cli, containers, figures.containers.items.map(withoutRoot), "table");
  write("\nLocal Volumes space usage:\n\n");
  const volumes = { ...volumeListFormat(false), table: volumeTable };
  writeList(cli, volumes, figures.volumes.items, "table");
  write(`\nBuild cache usage: ${formatDecimalSize(figures.buildCache.totalBytes)}\n\n`);
  writeList(cli, buildCacheFormat(now, true), figures.buildCache.items, "table");
  if (figures.storage) writeStorage(cli, figures.storage);
}

function writeStorage(cli: Cli, storage: StorageFigures): void {
  const size = (bytes: number): string => formatDecimalSize(bytes);
  cli.output.write(
    `\nOther space usage:\n\n` +
      `Container logs: ${size(storage.Logs)}\n` +
      `Image blobs: ${size(storage.Blobs)}\n` +
      `Engine's records: ${size(storage.Engine)}\n` +
      `About to be freed: ${size(storage.Pending)}\n`,
  );
  if (storage.Unowned.length === 0) return;
  const lines = storage.Unowned.map(({ Path, Size }) => `  ${Path} (${size(Size)})\n`);
  cli.output.write(
    `Unowned (wharf system check explains, with --repair removes):\n${lines.join("")}`,
  );
}

function writeTemplate(cli: Cli, figures: DiskUsageFigures, format: string): void {
  const now = cli.now();
  const rows = <Row>(list: ListFormat<Row>, items: readonly Row[]): readonly TemplateStruct[] =>
    items.map((item) => new TemplateStruct(list.goType, list.fields(item)));
  const template = format === "json" ? "{{json .}}" : format.replace(/^table\s*/, "");
  const { row } = compileListTemplate(template);
  const all = new TemplateStruct("*formatter.diskUsageContext", {
    Images: rows(imageListFormat(now, false, false), imageRows(figures.images.items, false)),
    Containers: rows(
      containerListFormat(now, false, true),
      figures.containers.items.map(withoutRoot),
    ),
    Volumes: rows(volumeListFormat(false), figures.volumes.items),
    BuildCache: rows(buildCacheFormat(now, false), figures.buildCache.items),
    ...(figures.storage && { Storage: figures.storage }),
  });
  cli.output.write(row(all)); // docker adds no newline here
}
