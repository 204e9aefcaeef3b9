import { FailedPreconditionError } from "#base/errors.ts";
import { type ProgressDetail, progressText } from "#base/progress-text.ts";
import type { Output } from "./streams.ts";
import { fittedProgress, TransferTotal } from "./transfer-total.ts";

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
  await show(messages, new ProgressView(output, undefined), onAux);
}

/**
 * As `showProgress`, of layers on their way: on a terminal with bars that fit it, and below them what all come to, the
 * rate and the time left.
 *
 * @param onAux Receives the machine-readable results.
 */
export async function showTransfer(
  messages: AsyncIterable<ProgressMessage>,
  output: Output,
  onAux?: (aux: unknown) => void,
): Promise<void> {
  await show(
    messages,
    new ProgressView(output, output.isTerminal ? new TransferTotal() : undefined),
    onAux,
  );
}

async function show(
  messages: AsyncIterable<ProgressMessage>,
  view: ProgressView,
  onAux?: (aux: unknown) => void,
): Promise<void> {
  try {
    for await (const message of messages) {
      if (message.aux !== undefined && message.aux !== null) onAux?.(message.aux);
      else view.show(message);
    }
  } finally {
    view.end();
  }
}

class ProgressView {
  readonly #output: Output;
  readonly #isTerminal: boolean;
  readonly #total: TransferTotal | undefined;
  /** Line of each id, counted from the first of the block being redrawn. */
  #lines = new Map<string, number>();

  /** @param total Of what is transferred; absent for other work. */
  constructor(output: Output, total: TransferTotal | undefined) {
    this.#output = output;
    this.#isTerminal = output.isTerminal;
    this.#total = total;
  }

  show(message: ProgressMessage): void {
    const failure = message.errorDetail?.message ?? message.error;
    if (failure !== undefined) throw new FailedPreconditionError(failure);
    const { id, status = "", progressDetail: detail } = message;
    if (!id || !detail) {
      this.end();
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
    this.#total?.take(id, status, detail, performance.now());
    const total = this.#total ? `\x1b[2K${this.#total.line(this.#columns())}\r` : "";
    this.#output.write(`${start}\x1b[${up}A${this.#line(message)}\x1b[${up}B${total}`);
  }

  /** Takes the total away, which stands where the next line goes. */
  end(): void {
    if (this.#total && this.#lines.size > 0) this.#output.write("\x1b[2K\r");
  }

  #columns(): number {
    return this.#isTerminal ? (this.#output.windowSize()?.columns ?? 200) : 200;
  }

  #line(message: ProgressMessage): string {
    const { id, status = "", stream, progressDetail: detail } = message;
    const width = this.#columns();
    const text = this.#total ? fittedProgress : progressText;
    const bar = detail ? text(detail, width) : "";
    const prefix = id ? `${id}: ` : "";
    if (detail && this.#isTerminal && !stream) return `\x1b[2K\r${prefix}${status} ${bar}\r`;
    if (bar !== "") return "";
    return stream ? `${prefix}${stream}` : `${prefix}${status}\n`;
  }
}
