import type { LogAttributes, LogEntry } from "./logs.ts";

/**
 * Entries that were read together, as columns. Logs have short lines by the hundred thousand: an object and a view
 * of bytes for each cost more than all else that is done with them.
 */
export interface LogBatch {
  readonly count: number;
  /** What the container wrote, entry after entry, with newlines where there were any. */
  readonly content: Buffer;
  /** Where each entry's content ends in it. */
  readonly ends: readonly number[];
  readonly streams: readonly LogEntry["stream"][];
  /** The whole second of each entry's time, nanoseconds since the Unix epoch: one value for many. */
  readonly secondsNanos: readonly bigint[];
  /** What is beyond it, in nanoseconds. */
  readonly fractionsNanos: readonly number[];
  readonly attributes: readonly (LogAttributes | undefined)[];
}

const SECOND_NANOS = 1_000_000_000n;

/** Nanoseconds since the Unix epoch. */
export function timeOf(batch: LogBatch, index: number): bigint {
  return (batch.secondsNanos[index] ?? 0n) + BigInt(batch.fractionsNanos[index] ?? 0);
}

/** Of a source that has them one by one. */
export function batchOf(entries: readonly LogEntry[]): LogBatch {
  const content = Buffer.concat(entries.map(({ bytes }) => bytes));
  let end = 0;
  return {
    count: entries.length,
    content,
    ends: entries.map(({ bytes }) => (end += bytes.length)),
    streams: entries.map(({ stream }) => stream),
    secondsNanos: entries.map(({ timeNanos }) => timeNanos - (timeNanos % SECOND_NANOS)),
    fractionsNanos: entries.map(({ timeNanos }) => Number(timeNanos % SECOND_NANOS)),
    attributes: entries.map(({ attributes }) => attributes),
  };
}
