import { type ProgressDetail, progressText } from "#base/progress-text.ts";
import { formatDecimalSize } from "#base/sizes.ts";

/** Weight of what is new in the rate: a stall or a burst shows within some seconds. */
const RATE_SHARE = 0.3;
const RATE_STEP_MS = 500;
/** What a line holds besides the bar, at most: id, longest status, counts. */
const BESIDES_BAR_COLUMNS = 56;
/** `[`, `>`, `] ` and the last column, which stays free. */
const BAR_FRAME_COLUMNS = 5;
const TITLE = "Total: ";
const BAR_MIN_CELLS = 8;
const BAR_MAX_CELLS = 50;

/** Steps that move bytes over the network; unpacking comes behind them. */
const MOVING: ReadonlySet<string> = new Set(["Downloading", "Pushing", "Sending"]);
/** Steps after which nothing of a layer is on its way any more. */
const MOVED: ReadonlySet<string> = new Set([
  "Download complete",
  "Verifying Checksum",
  "Extracting",
  "Pull complete",
  "Pushed",
  "Loaded",
]);
/** Layers that cost nothing. */
const SPARED: ReadonlySet<string> = new Set(["Already exists", "Layer already exists"]);

interface Layer {
  currentBytes: number;
  totalBytes: number;
  isMoved: boolean;
}

/** What all layers of a pull, push or copy come to: bytes, rate and time left. */
export class TransferTotal {
  readonly #layers = new Map<string, Layer>();
  #bytesPerSecond = 0;
  #sinceMs: number | undefined;
  #sinceBytes = 0;

  take(id: string, status: string, detail: ProgressDetail, nowMs: number): void {
    if (SPARED.has(status) || status.startsWith("Mounted from")) {
      this.#layers.delete(id);
      return;
    }
    const known = this.#layers.get(id);
    const layer = known ?? { currentBytes: 0, totalBytes: 0, isMoved: false };
    this.#layers.set(id, layer);
    if (MOVING.has(status)) {
      layer.currentBytes = detail.current ?? 0;
      layer.totalBytes = Math.max(detail.total ?? 0, layer.currentBytes);
    } else if (MOVED.has(status)) {
      // one that moved between two looks was never counted
      layer.totalBytes = Math.max(layer.totalBytes, detail.total ?? 0);
      layer.currentBytes = layer.totalBytes;
      layer.isMoved = true;
    }
    this.#measure(nowMs);
  }

  /** The line below the layers; empty while nothing has moved. */
  line(columns: number): string {
    const layers = [...this.#layers.values()];
    const current = layers.reduce((sum, one) => sum + one.currentBytes, 0);
    const total = layers.reduce((sum, one) => sum + one.totalBytes, 0);
    if (total === 0) return "";
    const moved = layers.filter(({ isMoved }) => isMoved).length;
    const text = [
      `${formatDecimalSize(current)}/${formatDecimalSize(total)}`,
      `${moved} of ${layers.length} layers`,
      ...this.#forecast(layers, total - current),
    ].join("  ");
    const cells = columns - TITLE.length - text.length - BAR_FRAME_COLUMNS;
    return `${TITLE}${bar(current / total, cells)}${text}`.slice(0, Math.max(0, columns - 1));
  }

  #forecast(layers: readonly Layer[], leftBytes: number): readonly string[] {
    if (this.#bytesPerSecond < 1 || leftBytes === 0) return [];
    const rate = `${formatDecimalSize(this.#bytesPerSecond)}/s`;
    // of a layer that waits nobody knows how long it is
    const isKnown = layers.every(({ totalBytes }) => totalBytes > 0);
    const left = formatSeconds(Math.ceil(leftBytes / this.#bytesPerSecond));
    return [rate, isKnown ? `${left} left` : `more than ${left} left`];
  }

  #measure(nowMs: number): void {
    const current = [...this.#layers.values()].reduce((sum, one) => sum + one.currentBytes, 0);
    this.#sinceMs ??= nowMs;
    const elapsedMs = nowMs - this.#sinceMs;
    if (elapsedMs < RATE_STEP_MS) return;
    const rate = (Math.max(0, current - this.#sinceBytes) * 1000) / elapsedMs;
    const isFirst = this.#bytesPerSecond === 0;
    this.#bytesPerSecond = isFirst
      ? rate
      : rate * RATE_SHARE + this.#bytesPerSecond * (1 - RATE_SHARE);
    this.#sinceMs = nowMs;
    this.#sinceBytes = current;
  }
}

/** A layer's counts with a bar that fits the terminal; docker leaves it out below 110 columns. */
export function fittedProgress(detail: ProgressDetail, columns: number): string {
  const { current = 0, total = 0, units, hidecounts } = detail;
  if (units !== undefined || hidecounts || total <= 0) return progressText(detail, columns);
  const cells = columns - BESIDES_BAR_COLUMNS;
  return `${bar(current / total, cells)}${progressText(detail, 0)}`;
}

/** @param room Cells that there are for it; too few make none. */
function bar(share: number, room: number): string {
  const cells = Math.min(BAR_MAX_CELLS, room);
  if (cells < BAR_MIN_CELLS) return "";
  const filled = Math.min(cells, Math.trunc(share * cells));
  return `[${"=".repeat(filled)}>${" ".repeat(cells - filled)}] `;
}

/** `45s`, `3m20s`, `1h05m`. */
function formatSeconds(seconds: number): string {
  const pad = (value: number): string => String(value).padStart(2, "0");
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m${pad(seconds % 60)}s`;
  return `${Math.floor(minutes / 60)}h${pad(minutes % 60)}m`;
}
