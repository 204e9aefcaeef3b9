import { readSync } from "node:fs";
import { pipeline, Readable } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { InvalidArgumentError, messageOf } from "#base/errors.ts";
import { Digester, parseDiffId } from "#spec/digest.ts";
import { TarPushParser } from "#base/tar/push-parser.ts";
import { type LayerSyscalls, LayerWriter } from "./layer-writer.ts";
import { blobChunks, type BlobFeed } from "./blob-feed.ts";
import { detectPacking } from "./packing.ts";
import type { LayerPacking, UnpackJob, UnpackResult } from "./protocol.ts";

/** Larger chunks gain nothing but memory; below half of it they show in the time. */
const CHUNK_BYTES = 256 * 1024;
/**
 * Each chunk that comes out of a decompressor is memory of its own, and the collector lets some 40 MB of dead ones
 * gather in each of the processes that unpack at once. Asked every 8 MiB it costs a few hundredths of the time.
 */
const COLLECT_BYTES = 8 * 1024 * 1024;
/** What is kept of entries makes a collection dearer: the more there are, the rarer it is. */
const COLLECT_BYTES_PER_ENTRY = 256;
const HEAD_BYTES = 4;

/**
 * Unpacks a blob into the root folder of this process, hashing the tar in the same pass. The calling
 * process does nothing else and has changed its root already.
 *
 * @param feed The blob, of which nothing has been read.
 * @param onProgress Told how many bytes of the blob were read, once a MiB.
 */
export async function unpackLayer(
  feed: BlobFeed,
  job: UnpackJob,
  syscalls: LayerSyscalls,
  onProgress: (readBytes: number) => void,
): Promise<UnpackResult> {
  const writer = new LayerWriter({ syscalls, form: job.form, limits: job.limits });
  const parser = new TarPushParser(writer);
  await feed.waitFor(HEAD_BYTES);
  const head = Buffer.alloc(HEAD_BYTES);
  readSync(feed.descriptor, head, 0, HEAD_BYTES, 0);
  const packing = detectPacking(head);
  const digester =
    packing === "none" && job.plainDiffId !== undefined ? undefined : new Digester("sha256");
  let tarBytes = 0;
  let readBytes = 0;
  let collectAtBytes = COLLECT_BYTES;
  const take = (chunk: Buffer): void => {
    tarBytes += chunk.length;
    checkBomb(tarBytes, readBytes, job);
    if (packing !== "none" && tarBytes > collectAtBytes) {
      collectAtBytes = tarBytes + Math.max(COLLECT_BYTES, writer.entries * COLLECT_BYTES_PER_ENTRY);
      Bun.gc(true);
    }
    digester?.update(chunk);
    parser.push(chunk);
  };
  const onRead = (bytes: number): void => {
    readBytes += bytes;
    onProgress(readBytes);
  };
  try {
    if (packing === "none") await takePlain(feed, onRead, take);
    else await takePacked(feed, packing, onRead, take);
    parser.finish();
    const summary = writer.finish();
    const diffId = digester ? parseDiffId(digester.finish()) : job.plainDiffId;
    if (diffId === undefined) throw new InvalidArgumentError("unexpected EOF");
    return { ...summary, diffId, tarBytes, packing };
  } finally {
    writer.close();
  }
}

function checkBomb(tarBytes: number, readBytes: number, job: UnpackJob): void {
  const { maxUnpackedBytes, maxRatio, ratioFloorBytes } = job.limits;
  // headers and padding come on top of the files: a tar of empty files is all headers
  if (tarBytes > maxUnpackedBytes * 2) {
    throw new InvalidArgumentError(
      `Cannot unpack layer: its tar takes more than ${maxUnpackedBytes * 2} bytes`,
    );
  }
  if (tarBytes > ratioFloorBytes && tarBytes > readBytes * maxRatio) {
    throw new InvalidArgumentError(
      `Cannot unpack layer: ${readBytes} bytes became ${tarBytes}, over the ratio of ${maxRatio}`,
    );
  }
}

async function takePlain(
  feed: BlobFeed,
  onRead: (bytes: number) => void,
  take: (chunk: Buffer) => void,
): Promise<void> {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  for (let offset = 0; ; ) {
    await feed.waitFor(offset + 1);
    const bytes = readSync(feed.descriptor, buffer, 0, feed.readable(offset, CHUNK_BYTES), offset);
    if (bytes === 0) return;
    offset += bytes;
    onRead(bytes);
    take(buffer.subarray(0, bytes));
  }
}

/** Decompression runs on a thread of its own while the chunk before is written. */
async function takePacked(
  feed: BlobFeed,
  packing: Exclude<LayerPacking, "none">,
  onRead: (bytes: number) => void,
  take: (chunk: Buffer) => void,
): Promise<void> {
  const source = Readable.from(blobChunks(feed, CHUNK_BYTES, onRead), {
    objectMode: false,
    highWaterMark: CHUNK_BYTES,
  });
  let sourceError: Error | undefined;
  source.on("error", (error: Error) => (sourceError = error));
  const options = { chunkSize: CHUNK_BYTES };
  const plain = packing === "gzip" ? createGunzip(options) : createZstdDecompress(options);
  // errors of either reach the loop below through `plain`
  pipeline(source, plain, () => {});
  try {
    for await (const chunk of plain) take(chunk as Buffer);
  } catch (error) {
    if (sourceError !== undefined) throw sourceError;
    throw isZlibError(error)
      ? new InvalidArgumentError(`Cannot decompress layer (${packing}): ${reason(error)}`, {
          cause: error,
        })
      : error;
  }
}

function isZlibError(error: unknown): boolean {
  return (
    error instanceof Error &&
    "code" in error &&
    typeof error.code === "string" &&
    /^(?:Z_|ZSTD_|ERR_)/.test(error.code)
  );
}

function reason(error: unknown): string {
  const message = messageOf(error);
  return message === "unexpected end of file" ? "unexpected EOF" : message;
}
