export type ArchivePacking = "none" | "gzip" | "zstd" | "bzip2" | "xz";

const HEAD_BYTES = 6;

const MAGICS: readonly (readonly [ArchivePacking, readonly number[]])[] = [
  ["gzip", [0x1f, 0x8b]],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
];

/** How an archive is packed, by its first bytes (six suffice); anything unknown counts as plain. */
export function archivePacking(head: Uint8Array): ArchivePacking {
  if (isBzip2(head)) return "bzip2";
  const found = MAGICS.find(([, magic]) => magic.every((byte, index) => head[index] === byte));
  return found?.[0] ?? "none";
}

/** Looks at a stream's first bytes (six, if it has as many), and gives the whole stream again. */
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

/** `BZh`, a digit, and the first of a block's or the end's marker: the first three also begin file names. */
function isBzip2(head: Uint8Array): boolean {
  const text = Buffer.from(head.subarray(0, HEAD_BYTES)).toString("latin1");
  return /^BZh[1-9](?:1A|\x17r)/.test(text);
}
