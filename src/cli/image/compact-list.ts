import type { ImageManifestSummary, ImageSummary } from "@docker/node-sdk";
import { formatDecimalSize } from "#base/sizes.ts";
import { ellipsize } from "#base/tables.ts";
import type { Cli } from "#cli/cli.ts";
import { colorizer } from "#cli/output/colors.ts";
import { shortId } from "#cli/output/texts.ts";

/** One line of the compact view. */
interface CompactRow {
  readonly name: string;
  readonly id: string;
  readonly diskUsage: string;
  readonly contentSize: string;
  readonly extra: string;
}

const untagged = "<untagged>";
const gap = "   ";
const widths = { id: 12, diskUsage: 10, contentSize: 12, extra: 5 };

/**
 * What `wharf images` prints when no flag asks for the table of old: one line a name, sorted, with
 * the size on disk and that of the compressed content, `U` for images in use.
 *
 * @param asTree Adds one line per platform below each image.
 */
export function compactImageList(
  cli: Cli,
  images: readonly ImageSummary[],
  asTree: boolean,
): string {
  const groups = images.flatMap(groupsOf).sort((a, b) => compareNames(a.head.name, b.head.name));
  const rows = groups.flatMap(({ head, platforms }) => (asTree ? [head, ...platforms] : [head]));
  const nameColumns = nameWidth(cli, rows);
  const paint = colorizer(cli.output, cli.env);
  const header = formatRow(
    {
      name: "IMAGE",
      id: "ID",
      diskUsage: "DISK USAGE",
      contentSize: "CONTENT SIZE",
      extra: "EXTRA",
    },
    nameColumns,
  );
  const lines = rows.map((row) => formatRow(row, nameColumns));
  const legend = cli.output.isTerminal ? [`${paint("dim", "i Info →   U  In Use")}`] : [];
  return `${[...legend, paint("bold", header), ...lines].join("\n")}\n`;
}

interface ImageGroup {
  readonly head: CompactRow;
  readonly platforms: readonly CompactRow[];
}

function groupsOf(image: ImageSummary): ImageGroup[] {
  const manifests = (image.Manifests ?? []).filter((manifest) => manifest.Kind === "image");
  const contentBytes = manifests.reduce((sum, manifest) => sum + manifest.Size.Content, 0);
  const usedBelow = manifests.some((manifest) => (manifest.ImageData?.Containers ?? []).length > 0);
  const row = {
    id: shortId(image.Id),
    diskUsage: formatDecimalSize(image.Size, 3),
    contentSize: formatDecimalSize(contentBytes, 3),
    extra: image.Containers > 0 || usedBelow ? "U" : "",
  };
  const platforms = manifests.map((manifest, index) =>
    platformRow(manifest, index === manifests.length - 1),
  );
  const tags = image.RepoTags ?? []; // null from engines of old
  const names = tags.length > 0 ? tags : [untagged];
  return names.map((name) => ({ head: { ...row, name }, platforms }));
}

function platformRow(manifest: ImageManifestSummary, isLast: boolean): CompactRow {
  const platform = manifest.ImageData?.Platform;
  const name = [platform?.os, platform?.architecture, platform?.variant].filter(Boolean).join("/");
  return {
    name: `${isLast ? "└─" : "├─"} ${name || "unknown"}`,
    id: shortId(manifest.ID),
    diskUsage: formatDecimalSize(manifest.Size.Total, 3),
    contentSize: formatDecimalSize(manifest.Size.Content, 3),
    extra: (manifest.ImageData?.Containers ?? []).length > 0 ? "U" : "",
  };
}

/** By name, untagged ones last. */
function compareNames(a: string, b: string): number {
  if ((a === untagged) !== (b === untagged)) return a === untagged ? 1 : -1;
  return a === b ? 0 : a < b ? -1 : 1;
}

const minNameColumns = 8;

/** As wide as the widest name, or less where the terminal is narrower. */
function nameWidth(cli: Cli, rows: readonly CompactRow[]): number {
  const widest = Math.max(5, ...rows.map((row) => Bun.stringWidth(row.name)));
  const columns = cli.output.isTerminal ? cli.output.windowSize()?.columns : undefined;
  if (columns === undefined) return widest;
  const others = Object.values(widths).reduce((sum, width) => sum + width + gap.length, 0);
  return Math.max(minNameColumns, Math.min(widest, columns - others));
}

function formatRow(row: CompactRow, nameColumns: number): string {
  const name = ellipsize(row.name, nameColumns);
  const cells = [
    name + " ".repeat(nameColumns - Bun.stringWidth(name)),
    row.id.padEnd(widths.id),
    row.diskUsage.padStart(widths.diskUsage),
    row.contentSize.padStart(widths.contentSize),
    row.extra.padEnd(widths.extra),
  ];
  return cells.join(gap).trimEnd();
}
