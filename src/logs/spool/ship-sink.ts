import { randomBytes } from "node:crypto";
import { tryParseRfc3339 } from "#base/rfc3339.ts";
import type { LogEntry, LogPart, LogShipper } from "#logs/logs.ts";
import type { SpoolLine } from "./parse.ts";
import type { PumpSink } from "./pump.ts";

const NEWLINE = 0x0a;
const SECOND_BYTES = 19;
const TIME_BYTES = 35;
const PART_ID_BYTES = 32;
/** A shorter piece is what a run wrote last, without a newline. */
const LEAST_PIECE_BYTES = 16 * 1024 - 3;

/**
 * Sends lines away. After a daemon was killed, what it sent since its last checkpoint, at most one chunk of
 * 128 KiB, is sent once more: no receiver here can be asked what it has.
 */
export class ShipSink implements PumpSink, AsyncDisposable {
  readonly #open: (signal: AbortSignal) => Promise<LogShipper>;
  #shipper: LogShipper | undefined;
  #entries: LogEntry[] = [];
  /** Of each stream, the pieces of its line so far. */
  readonly #parts: Record<LogEntry["stream"], LogPart | undefined> = {
    stdout: undefined,
    stderr: undefined,
  };
  #second = "";
  #secondNanos = 0n;

  constructor(open: (signal: AbortSignal) => Promise<LogShipper>) {
    this.#open = open;
  }

  async begin(): Promise<void> {
    // The connection is made when there is something to send.
  }

  add(line: SpoolLine): void {
    const length = line.to - line.from;
    const bytes = Buffer.allocUnsafe(length + (line.isPartial ? 0 : 1));
    line.bytes.copy(bytes, 0, line.from, line.to);
    if (!line.isPartial) bytes[length] = NEWLINE;
    const stream = line.isError ? "stderr" : "stdout";
    const part = this.#partOf(stream, line.isPartial && length >= LEAST_PIECE_BYTES);
    this.#entries.push({
      stream,
      timeNanos: this.#timeOf(line),
      bytes,
      isPartial: line.isPartial,
      ...(part && { part }),
    });
  }

  async flush(signal: AbortSignal): Promise<void> {
    if (this.#entries.length === 0) return;
    this.#shipper ??= await this.#open(signal);
    await this.#shipper.send(this.#entries, signal);
    this.#entries = [];
  }

  state(): undefined {
    return undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#shipper?.[Symbol.asyncDispose]();
    this.#shipper = undefined;
  }

  #partOf(stream: LogEntry["stream"], goesOn: boolean): LogPart | undefined {
    const last = this.#parts[stream];
    if (!goesOn && !last) return undefined;
    const id = last?.id ?? randomBytes(PART_ID_BYTES).toString("hex");
    const part = { id, ordinal: (last?.ordinal ?? 0) + 1, isLast: !goesOn };
    this.#parts[stream] = goesOn ? part : undefined;
    return part;
  }

  /** Most lines share their second with the line before: its number is computed once. */
  #timeOf(line: SpoolLine): bigint {
    const text = line.time.toString("latin1", line.timeAt, line.timeAt + TIME_BYTES);
    const second = text.slice(0, SECOND_BYTES) + text.slice(29);
    if (second !== this.#second) {
      this.#second = second;
      this.#secondNanos = tryParseRfc3339(second) ?? 0n;
    }
    return this.#secondNanos + BigInt(text.slice(SECOND_BYTES + 1, 29));
  }
}
