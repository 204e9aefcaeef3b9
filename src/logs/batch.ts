import type { LogBatch, LogEntry } from "./logs.ts";

const SECOND_NANOS = 1_000_000_000n;

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
