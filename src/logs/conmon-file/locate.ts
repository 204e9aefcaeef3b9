import type { FileHandle } from "node:fs/promises";
import { EntryParser } from "./entry.ts";

const BLOCK_BYTES = 64 * 1024;
const NEWLINE = 0x0a;
/** More than any line: conmon cuts at 8 KiB and adds a head of about 50 bytes. */
const LINE_BYTES = 16 * 1024;

/**
 * Where the last `count` lines begin, reading blocks from the end. Parts count with the line they
 * belong to; only lines of the wanted streams count.
 *
 * @returns Offset in bytes; 0 when there are fewer.
 */
export async function offsetOfTail(
  file: FileHandle,
  sizeBytes: number,
  count: number,
  isWanted: (stream: "stdout" | "stderr") => boolean,
): Promise<number> {
  if (count === 0) return sizeBytes;
  const parser = new EntryParser();
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
      const line = block.subarray(at + 1, stripNewline(block, lineEnd));
      const entry = parser.parse(line);
      if (entry && isWanted(entry.stream)) {
        if (!entry.isPartial) {
          if (found === count) return offset;
          found++;
        } else if (found === 0) found = 1; // a line that is still being written
        offset = start + at + 1;
      }
      if (at < 0) return found >= count ? offset : 0;
      lineEnd = at + 1;
    }
    rest = Buffer.from(block.subarray(0, lineEnd));
    end = start;
  }
  return 0;
}

function stripNewline(block: Buffer, lineEnd: number): number {
  return block[lineEnd - 1] === NEWLINE ? lineEnd - 1 : lineEnd;
}

/**
 * Where the first entry at or after `sinceNanos` may begin: a binary search, since times only grow but for
 * a clock that was set back; so it aims a block too early.
 */
export async function offsetOfTime(
  file: FileHandle,
  sizeBytes: number,
  sinceNanos: bigint,
): Promise<number> {
  const parser = new EntryParser();
  let low = 0;
  let high = sizeBytes;
  while (high - low > BLOCK_BYTES) {
    const middle = Math.floor((low + high) / 2);
    const time = await timeAfter(file, middle, parser);
    if (time === undefined || time >= sinceNanos) high = middle;
    else low = middle;
  }
  return await lineStartAt(file, Math.max(0, low - BLOCK_BYTES));
}

async function timeAfter(
  file: FileHandle,
  offset: number,
  parser: EntryParser,
): Promise<bigint | undefined> {
  const block = await readAt(file, offset, 2 * LINE_BYTES);
  for (let at = block.indexOf(NEWLINE); at >= 0; at = block.indexOf(NEWLINE, at + 1)) {
    const time = parser.timeOf(block.subarray(at + 1));
    if (time !== undefined) return time;
  }
  return undefined;
}

/** The first line that begins at or after `offset`. */
async function lineStartAt(file: FileHandle, offset: number): Promise<number> {
  if (offset === 0) return 0;
  const block = await readAt(file, offset, LINE_BYTES);
  const at = block.indexOf(NEWLINE);
  return at < 0 ? offset : offset + at + 1;
}

async function readAt(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  const { bytesRead } = await file.read(buffer, 0, length, offset);
  return buffer.subarray(0, bytesRead);
}
