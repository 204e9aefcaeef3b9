import { createReadStream, readSync } from "node:fs";
import { pipeline } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { InvalidArgumentError, messageOf } from "#base/errors.ts";
import { Digester, parseDiffId } from "#spec/digest.ts";
import { TarPushParser } from "#base/tar/push-parser.ts";
import { type LayerSyscalls, LayerWriter } from "./layer-writer.ts";
import { detectPacking } from "./packing.ts";
import type { LayerPacking, UnpackJob, UnpackResult } from "./protocol.ts";

/** Larger reads gain nothing; smaller ones show in the time. */
const CHUNK_BYTES = 1024 * 1024;
const RATIO_FLOOR_BYTES = 1024 ** 3;

/**
 * Unpacks a blob into the root folder of this process, hashing the tar in the same pass. The calling
 * process does nothing else and has changed its root already.
 *
 * @param descriptor The blob, open for reading at its start.
 * @param onProgress Told how many bytes of the blob were read, once a MiB.
 */
export async function unpackLayer(
  descriptor: number,
  job: UnpackJob,
  syscalls: LayerSyscalls,
  onProgress: (readBytes: number) => void,
): Promise<UnpackResult> {
  const writer = new LayerWriter({ syscalls, form: job.form, limits: job.limits });
  const parser = new TarPushParser(writer);
  const head = Buffer.alloc(4);
  readSync(descriptor, head, 0, 4, 0);
  const packing = detectPacking(head);
  const digester =
    packing === "none" && job.plainDiffId !== undefined ? undefined : new Digester("sha256");
  let tarBytes = 0;
  let readBytes = 0;
  const take = (chunk: Buffer): void => {
    tarBytes += chunk.length;
    checkBomb(tarBytes, readBytes, job);
    digester?.update(chunk);
    parser.push(chunk);
  };
  const onRead = (bytes: number): void => {
    readBytes += bytes;
    onProgress(readBytes);
  };
  try {
    if (packing === "none") takePlain(descriptor, onRead, take);
    else await takePacked(descriptor, packing, onRead, take);
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
  const { maxUnpackedBytes, maxRatio } = job.limits;
  // headers and padding come on top of the files: a tar of empty files is all headers
  if (tarBytes > maxUnpackedBytes * 2) {
    throw new InvalidArgumentError(
      `Cannot unpack layer: its tar takes more than ${maxUnpackedBytes * 2} bytes`,
    );
  }
  if (tarBytes > RATIO_FLOOR_BYTES && tarBytes > readBytes * maxRatio) {
    throw new InvalidArgumentError(
      `Cannot unpack layer: ${readBytes} bytes became ${tarBytes}, over the ratio of ${maxRatio}`,
    );
  }
}

function takePlain(
  descriptor: number,
  onRead: (bytes: number) => void,
  take: (chunk: Buffer) => void,
): void {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  for (;;) {
    const bytes = readSync(descriptor, buffer, 0, CHUNK_BYTES, null);
    if (bytes === 0) return;
    onRead(bytes);
    take(buffer.subarray(0, bytes));
  }
}

/** Decompression runs on a thread of its own while the chunk before is written. */
async function takePacked(
  descriptor: number,
  packing: Exclude<LayerPacking, "none">,
  onRead: (bytes: number) => void,
  take: (chunk: Buffer) => void,
): Promise<void> {
  const source = createReadStream("", {
    fd: descriptor,
    start: 0,
    highWaterMark: CHUNK_BYTES,
    autoClose: false,
  });
  source.on("data", (chunk) => onRead(chunk.length));
  const options = { chunkSize: CHUNK_BYTES };
  const plain = packing === "gzip" ? createGunzip(options) : createZstdDecompress(options);
  // errors of either reach the loop below through `plain`
  pipeline(source, plain, () => {});
  try {
    for await (const chunk of plain) take(chunk as Buffer);
  } catch (error) {
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
