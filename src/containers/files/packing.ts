import type { ArchivePacking } from "./protocol.ts";

const HEAD_BYTES = 6;

const MAGICS: readonly (readonly [ArchivePacking, readonly number[]])[] = [
  ["gzip", [0x1f, 0x8b]],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
  ["bzip2", [0x42, 0x5a, 0x68]],
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
];

/** How an archive is packed, by its first bytes (six suffice); anything unknown counts as plain. */
export function archivePacking(head: Uint8Array): ArchivePacking {
  const found = MAGICS.find(([, magic]) => magic.every((byte, index) => head[index] === byte));
  return found?.[0] ?? "none";
}

/** Looks at a stream's first bytes, and gives the whole stream again. */
export async function peekPacking(
  source: AsyncIterable<Uint8Array>,
): Promise<{ readonly packing: ArchivePacking; readonly whole: AsyncIterable<Uint8Array> }> {
  const iterator = source[Symbol.asyncIterator]();
  const seen: Uint8Array[] = [];
  let bytes = 0;
  while (bytes < HEAD_BYTES) {
    const next = await iterator.next();
    if (next.done === true) break;
    seen.push(next.value);
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
  return { packing: archivePacking(Buffer.concat(seen)), whole: whole() };
}
