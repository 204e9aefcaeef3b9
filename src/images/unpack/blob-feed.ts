import { fstatSync, read, readSync } from "node:fs";
import { UnavailableError } from "#base/errors.ts";

/** A blob's file as far as it may be read. */
export interface BlobFeed {
  readonly descriptor: number;
  /**
   * Waits until the first `bytes` are there, or all that ever come.
   *
   * @throws {UnavailableError} No more come, and the blob is not whole.
   */
  waitFor(bytes: number): Promise<void>;
  /** How many bytes from `offset` on may be read now, at most `maxBytes`. */
  readable(offset: number, maxBytes: number): number;
}

/** A file that is whole. */
export function wholeFeed(descriptor: number): BlobFeed {
  const { size } = fstatSync(descriptor);
  return {
    descriptor,
    waitFor: () => Promise.resolve(),
    readable: (offset, maxBytes) => Math.min(maxBytes, Math.max(0, size - offset)),
  };
}

/**
 * A file that grows.
 *
 * @param input Descriptor of which lines tell how many bytes are there.
 * @param sizeBytes Of the whole.
 */
export function growingFeed(descriptor: number, input: number, sizeBytes: number): BlobFeed {
  let available = 0;
  let pending = "";
  return {
    descriptor,
    waitFor: async (bytes) => {
      while (available < Math.min(bytes, sizeBytes)) {
        const text = await readText(input);
        if (text === "") throw new UnavailableError("the blob stopped growing");
        const lines = (pending + text).split("\n");
        pending = lines.pop() ?? "";
        available = Math.max(available, ...lines.map(Number));
      }
    },
    readable: (offset, maxBytes) => Math.min(maxBytes, Math.max(0, available - offset)),
  };
}

function readText(descriptor: number): Promise<string> {
  const buffer = Buffer.allocUnsafe(4096);
  return new Promise((resolve, reject) => {
    // off the JS thread: it has the chunk before to write
    read(descriptor, buffer, 0, buffer.length, null, (error, bytes) => {
      if (error) reject(error);
      else resolve(buffer.toString("latin1", 0, bytes));
    });
  });
}

/** The blob from its start to its end. @param onRead Told the length of each chunk. */
export async function* blobChunks(
  feed: BlobFeed,
  chunkBytes: number,
  onRead: (bytes: number) => void,
): AsyncIterable<Buffer> {
  for (let offset = 0; ; ) {
    await feed.waitFor(offset + 1);
    const wanted = feed.readable(offset, chunkBytes);
    if (wanted === 0) return;
    const buffer = Buffer.allocUnsafe(wanted);
    const bytes = readSync(feed.descriptor, buffer, 0, wanted, offset);
    if (bytes === 0) return;
    offset += bytes;
    onRead(bytes);
    yield buffer.subarray(0, bytes);
  }
}
