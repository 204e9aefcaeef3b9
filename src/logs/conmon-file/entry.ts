import { tryParseRfc3339 } from "#base/rfc3339.ts";
import type { LogEntry } from "#logs/logs.ts";

const NEWLINE = 0x0a;
const SPACE = 0x20;
const PARTIAL = 0x50;
const STDERR_LENGTH = 6;

/**
 * Reads the lines of conmon's `k8s-file` format (conmon, src/ctr_logging.c):
 *
 *     2026-11-22T02:25:00.123456789+00:00 stdout F the line
 *
 * `P` marks a part whose line goes on in the next entry of the stream, `F` its end. A line that is none of
 * this (a write cut short by a full disk) is passed over.
 */
export class EntryParser {
  // Most lines share their second with the line before: its number is computed once.
  #second = "";
  #secondNanos = 0n;

  /** @param line Without its newline. The entry's bytes are a copy. */
  parse(line: Buffer): LogEntry | undefined {
    const timeEnd = line.indexOf(SPACE);
    if (timeEnd < 0) return undefined;
    const streamEnd = line.indexOf(SPACE, timeEnd + 1);
    const tagEnd = streamEnd < 0 ? -1 : line.indexOf(SPACE, streamEnd + 1);
    if (tagEnd < 0) return undefined;
    const timeNanos = this.#parseTime(line.toString("latin1", 0, timeEnd));
    if (timeNanos === undefined) return undefined;
    const isPartial = line[streamEnd + 1] === PARTIAL;
    const content = line.subarray(tagEnd + 1);
    const bytes = Buffer.allocUnsafe(content.length + (isPartial ? 0 : 1));
    content.copy(bytes);
    if (!isPartial) bytes[content.length] = NEWLINE;
    return {
      stream:
        streamEnd - timeEnd - 1 === STDERR_LENGTH && line[timeEnd + 4] === 0x65
          ? "stderr"
          : "stdout",
      timeNanos,
      bytes,
      isPartial,
    };
  }

  /** Only the time of a line; undefined when it has none. */
  timeOf(line: Buffer): bigint | undefined {
    const timeEnd = line.indexOf(SPACE);
    return timeEnd < 0 ? undefined : this.#parseTime(line.toString("latin1", 0, timeEnd));
  }

  #parseTime(text: string): bigint | undefined {
    const dot = text.indexOf(".");
    if (dot < 0) return tryParseRfc3339(text);
    const second = text.slice(0, dot) + text.slice(dot + 10);
    if (second !== this.#second) {
      const nanos = tryParseRfc3339(second);
      if (nanos === undefined) return undefined;
      this.#second = second;
      this.#secondNanos = nanos;
    }
    const fraction = Number(text.slice(dot + 1, dot + 10));
    return Number.isNaN(fraction) ? undefined : this.#secondNanos + BigInt(fraction);
  }
}
