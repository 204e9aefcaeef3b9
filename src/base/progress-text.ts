import { formatDecimalSize } from "./sizes.ts";

/** How far one part has come: in bytes, where `units` does not say otherwise. */
export interface ProgressDetail {
  readonly current?: number | undefined;
  readonly total?: number | undefined;
  readonly units?: string;
  readonly hidecounts?: boolean;
}

/** Below this width docker leaves the bar out. */
const minBarColumns = 110;
const barCells = 50;

/** Bar and counts of one part; empty when nothing has been counted. */
export function progressText(detail: ProgressDetail, width: number): string {
  const { current = 0, total = 0, units = "", hidecounts } = detail;
  if (current <= 0 && total <= 0) return "";
  const amount = (count: number): string => (units === "" ? formatDecimalSize(count) : `${count}`);
  if (total <= 0) return units === "" ? amount(current).padStart(8) : `${current} ${units}`;
  const filled = Math.min(barCells, Math.trunc(Math.trunc((current / total) * 100) / 2));
  const bar = `[${"=".repeat(filled)}>${" ".repeat(barCells - filled)}] `;
  const wide = width > minBarColumns ? bar : "";
  if (hidecounts) return wide;
  if (units !== "") return `${wide}${current > total ? current : `${current}/${total}`} ${units}`;
  const counts = current > total ? "" : `/${amount(total)}`;
  return `${wide}${amount(current).padStart(8)}${counts}`;
}
