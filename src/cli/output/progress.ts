import { FailedPreconditionError } from "#base/errors.ts";
import { formatDecimalSize } from "#base/sizes.ts";
import type { Output } from "./streams.ts";

/** One message of a stream of progress: load, import, pull, push, build. */
export interface ProgressMessage {
  readonly stream?: string;
  readonly status?: string;
  readonly id?: string;
  readonly progressDetail?: ProgressDetail;
  readonly errorDetail?: { readonly code?: number; readonly message?: string };
  readonly error?: string;
  /** Machine-readable result; not shown. */
  readonly aux?: unknown;
}

/** How far one part has come: in bytes, where `units` does not say otherwise. */
export interface ProgressDetail {
  readonly current?: number;
  readonly total?: number;
  readonly units?: string;
  readonly hidecounts?: boolean;
}

/** Below this width docker leaves the bar out. */
const minBarColumns = 110;
const barCells = 50;

/**
 * Shows a stream of progress as docker does: on a terminal one line an id, redrawn in place;
 * elsewhere a line a message, those with counts left out.
 *
 * @param onAux Receives the machine-readable results.
 * @throws {FailedPreconditionError} The engine's words, when the stream reports a failure.
 */
export async function showProgress(
  messages: AsyncIterable<ProgressMessage>,
  output: Output,
  onAux?: (aux: unknown) => void,
): Promise<void> {
  const view = new ProgressView(output);
  for await (const message of messages) {
    if (message.aux !== undefined && message.aux !== null) onAux?.(message.aux);
    else view.show(message);
  }
}

class ProgressView {
  readonly #output: Output;
  readonly #isTerminal: boolean;
  /** Line of each id, counted from the first of the block being redrawn. */
  #lines = new Map<string, number>();

  constructor(output: Output) {
    this.#output = output;
    this.#isTerminal = output.isTerminal;
  }

  show(message: ProgressMessage): void {
    const failure = message.errorDetail?.message ?? message.error;
    if (failure !== undefined) throw new FailedPreconditionError(failure);
    const { id, progressDetail: detail } = message;
    if (!id || !detail) {
      this.#lines = new Map(); // something else stands below the block now
      this.#output.write(this.#line(message));
      return;
    }
    const known = this.#lines.get(id);
    const line = known ?? this.#lines.size;
    this.#lines.set(id, line);
    if (!this.#isTerminal) return this.#output.write(this.#line(message));
    const up = this.#lines.size - line;
    const start = known === undefined ? "\n" : "";
    this.#output.write(`${start}\x1b[${up}A${this.#line(message)}\x1b[${up}B`);
  }

  #line(message: ProgressMessage): string {
    const { id, status = "", stream, progressDetail: detail } = message;
    const width = this.#isTerminal ? (this.#output.windowSize()?.columns ?? 200) : 200;
    const bar = detail ? progressText(detail, width) : "";
    const prefix = id ? `${id}: ` : "";
    if (detail && this.#isTerminal && !stream) return `\x1b[2K\r${prefix}${status} ${bar}\r`;
    if (bar !== "") return "";
    return stream ? `${prefix}${stream}` : `${prefix}${status}\n`;
  }
}

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
