import { Readable } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { InvalidArgumentError, messageOf } from "#base/errors.ts";
import { detectPacking } from "#images/unpack/packing.ts";

const CHUNK_BYTES = 256 * 1024;

/** Gives the first bytes of a stream (four, if it has as many) and the whole stream again. */
async function peek(
  source: AsyncIterable<Uint8Array>,
): Promise<{ readonly head: Uint8Array; readonly whole: AsyncIterable<Uint8Array> }> {
  const iterator = source[Symbol.asyncIterator]();
  const seen: Uint8Array[] = [];
  let bytes = 0;
  while (bytes < 4) {
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
  return { head: Buffer.concat(seen), whole: whole() };
}

/**
 * The plain bytes of a stream that is gzip, zstd or plain already. Decompression runs off the JS thread.
 *
 * @throws {InvalidArgumentError} Damaged or cut short.
 */
export async function* decompressed(source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const { head, whole } = await peek(source);
  const packing = detectPacking(head);
  if (packing === "none") {
    yield* whole;
    return;
  }
  const options = { chunkSize: CHUNK_BYTES };
  const plain = packing === "gzip" ? createGunzip(options) : createZstdDecompress(options);
  const packed = Readable.from(whole, { objectMode: false, highWaterMark: CHUNK_BYTES });
  let sourceError: Error | undefined;
  packed.on("error", (error) => {
    sourceError = error;
    plain.destroy(error);
  });
  packed.pipe(plain);
  try {
    for await (const chunk of plain) yield chunk as Uint8Array;
  } catch (error) {
    if (sourceError !== undefined) throw sourceError;
    const reason = messageOf(error);
    throw new InvalidArgumentError(
      `Cannot decompress (${packing}): ${reason === "unexpected end of file" ? "unexpected EOF" : reason}`,
      { cause: error },
    );
  } finally {
    packed.destroy();
    plain.destroy();
  }
}
