import { FailedPreconditionError } from "#base/errors.ts";
import { type ProgressDetail, progressText } from "#base/progress-text.ts";
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
