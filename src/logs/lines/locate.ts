import type { FileHandle } from "node:fs/promises";
import { JsonLineDecoder } from "./decode.ts";

const BLOCK_BYTES = 128 * 1024;
const NEWLINE = 0x0a;
/** More than any line: 16 KiB of which each byte becomes six, and attributes. */
const LINE_BYTES = 256 * 1024;
/** Enough for most. */
const SHORT_BYTES = 8192;

/**
 * Where the last `count` lines begin, reading blocks from the end. Parts count with the line they
 * belong to; only lines of the wanted streams count.
 *
 * @returns Offset in bytes, and the number of lines from there on: fewer than `count` with offset 0.
 */
export async function offsetOfTail(
  file: FileHandle,
  sizeBytes: number,
  count: number,
  isWanted: (stream: "stdout" | "stderr") => boolean,
): Promise<{ readonly offset: number; readonly lines: number }> {
  if (count === 0) return { offset: sizeBytes, lines: 0 };
  const decoder = new JsonLineDecoder();
  let found = 0;
  let end = sizeBytes;
  let rest = Buffer.alloc(0); // the beginning of this block's follower, whose first line starts in this block
  let offset = sizeBytes;
  while (end > 0) {
    const start = Math.max(0, end - BLOCK_BYTES);
    const block = Buffer.concat([await readAt(file, start, end - start), rest]);
    let lineEnd = block.length;
    for (;;) {
      // A line's own newline is the last byte before lineEnd: look for the one before that.
      const at = lineEnd < 2 ? -1 : block.lastIndexOf(NEWLINE, lineEnd - 2);
      if (at < 0 && start > 0) break;
      const kind = decoder.kindOf(block, at + 1, lineEnd);
      if (kind && isWanted(kind.stream)) {
        if (!kind.isPartial) {
          if (found === count) return { offset, lines: found };
          found++;
        } else if (found === 0) found = 1; // a line that is still being written
        offset = start + at + 1;
      }
      if (at < 0) return { offset: found >= count ? offset : 0, lines: found };
      lineEnd = at + 1;
    }
    rest = Buffer.from(block.subarray(0, lineEnd));
    end = start;
  }
  return { offset: 0, lines: found };
}

/**
 * Where the first entry at or after `sinceNanos` may begin: a binary search, since times only grow but for
 * a clock that was set back and lines of two streams that came in parts; so it aims a block too early.
 */
export async function offsetOfTime(
  file: FileHandle,
  sizeBytes: number,
  sinceNanos: bigint,
): Promise<number> {
  let low = 0;
  let high = sizeBytes;
  while (high - low > BLOCK_BYTES) {
    const middle = Math.floor((low + high) / 2);
    const time = await timeAfter(file, middle);
    if (time === undefined || time >= sinceNanos) high = middle;
    else low = middle;
  }
  return await lineStartAt(file, Math.max(0, low - BLOCK_BYTES));
}

/** Up to where a file that is being written has whole lines; `sizeBytes` where the last line has no end. */
export async function endOfLines(file: FileHandle, sizeBytes: number): Promise<number> {
  for (const blockBytes of [SHORT_BYTES, LINE_BYTES]) {
    const start = Math.max(0, sizeBytes - blockBytes);
    const block = await readAt(file, start, sizeBytes - start);
    const newline = block.lastIndexOf(NEWLINE);
    if (newline >= 0) return start + newline + 1;
    if (start === 0) break;
  }
  return sizeBytes;
}

/** Time of the first entry of a file; undefined when it has none. */
export async function firstTime(file: FileHandle): Promise<bigint | undefined> {
  const block = await readLine(file, 0);
  const end = block.indexOf(NEWLINE);
  return end < 0 ? undefined : new JsonLineDecoder().timeOf(block, 0, end);
}

async function timeAfter(file: FileHandle, offset: number): Promise<bigint | undefined> {
  const block = await readLine(file, offset);
  const decoder = new JsonLineDecoder();
  for (let start = block.indexOf(NEWLINE) + 1; start > 0; ) {
    const end = block.indexOf(NEWLINE, start);
    if (end < 0) return undefined;
    const time = decoder.timeOf(block, start, end);
    if (time !== undefined) return time;
    start = end + 1;
  }
  return undefined;
}

/** The first line that begins at or after `offset`. */
async function lineStartAt(file: FileHandle, offset: number): Promise<number> {
  if (offset === 0) return 0;
  const block = await readLine(file, offset - 1);
  const at = block.indexOf(NEWLINE);
  return at < 0 ? offset : offset + at;
}

/** From `offset` on as much as holds two ends of lines: most are short. */
async function readLine(file: FileHandle, offset: number): Promise<Buffer> {
  const short = await readAt(file, offset, SHORT_BYTES);
  const first = short.indexOf(NEWLINE);
  if (short.length < SHORT_BYTES || (first >= 0 && short.indexOf(NEWLINE, first + 1) >= 0))
    return short;
  return await readAt(file, offset, 2 * LINE_BYTES);
}

async function readAt(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  const { bytesRead } = await file.read(buffer, 0, length, offset);
  return buffer.subarray(0, bytesRead);
}
