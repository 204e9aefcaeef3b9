import { archivePacking } from "#base/packing.ts";
import { BLOCK_BYTES, decodeHeader, isZeroBlock } from "./header.ts";

/** Looks at the first block of a stream, and gives the whole stream again. */
export async function peek(
  source: AsyncIterable<Uint8Array>,
): Promise<{ readonly head: Uint8Array; readonly whole: AsyncIterable<Uint8Array> }> {
  const iterator = source[Symbol.asyncIterator]();
  const seen: Uint8Array[] = [];
  let bytes = 0;
  while (bytes < BLOCK_BYTES) {
    const next = await iterator.next();
    if (next.done === true) break;
    seen.push(next.value.slice());
    bytes += next.value.byteLength;
  }
  async function* whole(): AsyncGenerator<Uint8Array> {
    try {
      yield* seen;
      yield* { [Symbol.asyncIterator]: () => iterator };
    } finally {
      await iterator.return?.();
    }
  }
  return { head: Buffer.concat(seen), whole: whole() };
}

/** Whether it begins as a tar does, plain or packed. */
export function isArchiveHead(head: Uint8Array): boolean {
  if (archivePacking(head) !== "none") return true;
  if (head.byteLength < BLOCK_BYTES) return false;
  const block = head.subarray(0, BLOCK_BYTES);
  if (isZeroBlock(block)) return true;
  try {
    decodeHeader(block);
    return true;
  } catch {
    return false; // its checksum is wrong
  }
}
