import { closeSync, readSync } from "node:fs";
import { pipeline, Readable } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { FailedPreconditionError, InvalidArgumentError, messageOf } from "#base/errors.ts";
import type { ArchivePacking } from "#base/packing.ts";
import { systemError } from "#host/linux/ffi/errno.ts";
import { type Libc, O_CLOEXEC } from "#host/linux/ffi/libc.ts";

const CHUNK_BYTES = 1024 * 1024;

/** Where an archive's bytes come from. */
export interface ArchiveSource {
  readonly descriptor: number;
  /** A program that unpacks; resolves with its exit code. */
  readonly ended?: Promise<number>;
}

const PROGRAMS: Readonly<Partial<Record<ArchivePacking, string>>> = { bzip2: "bzip2", xz: "xz" };

/**
 * To be called while the host's programs can still be seen: what Bun cannot unpack one of them does.
 *
 * @throws {FailedPreconditionError} The program is not installed.
 */
export function openSource(libc: Libc, data: number, packing: ArchivePacking): ArchiveSource {
  const program = PROGRAMS[packing];
  if (program === undefined) return { descriptor: data };
  const path = Bun.which(program, { PATH: "/usr/local/bin:/usr/bin:/bin" });
  if (path === null) {
    throw new FailedPreconditionError(
      `Cannot decompress ${packing}: the program "${program}" is not installed on the engine's host`,
    );
  }
  const pair = new Int32Array(2);
  if (libc.call.pipe2(pair, O_CLOEXEC) !== 0) {
    throw systemError("Cannot make a pipe", libc.errno());
  }
  const [readEnd = -1, writeEnd = -1] = pair;
  const child = Bun.spawn([path, "-dc"], {
    stdin: data,
    stdout: writeEnd,
    stderr: "ignore",
    env: {},
  });
  closeSync(writeEnd);
  return { descriptor: readEnd, ended: child.exited };
}

/**
 * Hands the plain bytes on as they come; a chunk is valid only during the call.
 *
 * @throws {InvalidArgumentError} Damaged or cut short.
 */
export async function decompressInto(
  source: ArchiveSource,
  packing: ArchivePacking,
  take: (chunk: Buffer) => void,
): Promise<void> {
  if (packing === "gzip" || packing === "zstd") {
    const options = { chunkSize: CHUNK_BYTES };
    const plain = packing === "gzip" ? createGunzip(options) : createZstdDecompress(options);
    const packed = Readable.from(fresh(source.descriptor), { objectMode: false });
    pipeline(packed, plain, () => {}); // errors of either reach the loop below through `plain`
    try {
      for await (const chunk of plain) take(chunk as Buffer);
    } catch (error) {
      throw isZlibError(error) ? damaged(packing, messageOf(error)) : error;
    }
    return;
  }
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  for (;;) {
    const length = readSync(source.descriptor, buffer, 0, CHUNK_BYTES, null);
    if (length === 0) break;
    take(buffer.subarray(0, length));
  }
  const code = await source.ended;
  if (code !== undefined && code !== 0) throw damaged(packing, `it ended with code ${code}`);
}

/** Each chunk in memory of its own: decompression runs beside the next read. */
function* fresh(descriptor: number): Generator<Buffer> {
  for (;;) {
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    const length = readSync(descriptor, buffer, 0, CHUNK_BYTES, null);
    if (length === 0) return;
    yield buffer.subarray(0, length);
  }
}

function damaged(packing: ArchivePacking, reason: string): InvalidArgumentError {
  return new InvalidArgumentError(
    `Cannot decompress (${packing}): ${reason === "unexpected end of file" ? "unexpected EOF" : reason}`,
  );
}

function isZlibError(error: unknown): boolean {
  return (
    error instanceof Error &&
    "code" in error &&
    typeof error.code === "string" &&
    /^(?:Z_|ZSTD_|ERR_)/.test(error.code)
  );
}
