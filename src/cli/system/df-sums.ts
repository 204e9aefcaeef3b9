import { formatDecimalSize } from "#base/sizes.ts";
import type { ListFormat } from "#cli/output/list.ts";
import type { DiskUsageFigures, UsageOf } from "./disk-usage.ts";

/** One line of `system df`. */
export interface SumsRow {
  readonly type: string;
  readonly count: string;
  readonly active: string;
  readonly totalBytes: number;
  readonly reclaimable: string;
}

export const sumsFormat: ListFormat<SumsRow> = {
  goType: "*formatter.diskUsageContext",
  table: "{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}",
  quiet: "{{.Type}}",
  raw:
    "type: {{.Type}}\ntotal: {{.TotalCount}}\nactive: {{.Active}}\nsize: {{.Size}}\n" +
    "reclaimable: {{.Reclaimable}}\n",
  headers: {
    Type: "TYPE",
    TotalCount: "TOTAL",
    Active: "ACTIVE",
    Size: "SIZE",
    Reclaimable: "RECLAIMABLE",
  },
  fields: (row) => ({
    Type: row.type,
    TotalCount: row.count,
    Active: row.active,
    Size: formatDecimalSize(row.totalBytes),
    Reclaimable: row.reclaimable,
  }),
};

function row(type: string, usage: UsageOf<unknown>, hasPercent = true): SumsRow {
  const { totalBytes, reclaimableBytes } = usage;
  const size = formatDecimalSize(reclaimableBytes);
  const percent = totalBytes > 0 ? Math.trunc((reclaimableBytes * 100) / totalBytes) : 0;
  return {
    type,
    count: String(usage.totalCount),
    active: String(usage.activeCount),
    totalBytes,
    reclaimable: hasPercent && totalBytes > 0 ? `${size} (${percent}%)` : size,
  };
}

function plainRow(type: string, totalBytes: number, count = "", reclaimable = ""): SumsRow {
  return { type, count, active: "", totalBytes, reclaimable };
}

/** Docker's four rows; an engine that knows whose its other bytes are has four more below them. */
export function sumsRows(figures: DiskUsageFigures): readonly SumsRow[] {
  const { storage } = figures;
  const rows = [
    row("Images", figures.images),
    row("Containers", figures.containers),
    row("Local Volumes", figures.volumes),
    row("Build Cache", figures.buildCache, false),
  ];
  if (!storage) return rows;
  const unownedBytes = storage.Unowned.reduce((sum, { Size }) => sum + Size, 0);
  return [
    ...rows,
    plainRow("Container Logs", storage.Logs),
    plainRow("Image Blobs", storage.Blobs),
    plainRow("Engine", storage.Engine + storage.Pending),
    ...(storage.Unowned.length === 0
      ? []
      : [
          plainRow(
            "Unowned",
            unownedBytes,
            String(storage.Unowned.length),
            `${formatDecimalSize(unownedBytes)} (wharf system check --repair)`,
          ),
        ]),
  ];
}
