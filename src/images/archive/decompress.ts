import { createReadStream, createWriteStream } from "node:fs";
import { pipeline, Readable } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import {
  FailedPreconditionError,
  InternalError,
  InvalidArgumentError,
  messageOf,
} from "#base/errors.ts";
import { type ArchivePacking, peekPacking } from "#base/packing.ts";
import type { Processes } from "#host/processes.ts";

const CHUNK_BYTES = 256 * 1024;
const SIGKILL = 9;

/** What Bun does not know is unpacked by a program, as Docker does it. */
const PROGRAMS: Readonly<Record<"bzip2" | "xz", readonly string[]>> = {
  bzip2: ["/usr/bin/bzip2", "-dc"],
  // a dictionary may claim 4 GiB of memory; what xz itself makes needs 65 MiB at most
  xz: ["/usr/bin/xz", "-dcq", "--memlimit-decompress=256MiB"],
};

export type Programs = Pick<Processes, "identify" | "kill" | "spawn">;

/**
 * The plain bytes of a stream that is packed by gzip, zstd, bzip2 or xz, or plain already. Decompression
 * runs off the JS thread.
 *
 * @throws {InvalidArgumentError} Damaged or cut short. {FailedPreconditionError} No xz or bzip2 on the host.
 */
export async function* decompressed(
  source: AsyncIterable<Uint8Array>,
  programs: Programs,
): AsyncIterable<Uint8Array> {
  const { packing, whole } = await peekPacking(source);
  switch (packing) {
    case "none":
      yield* whole;
      return;
    case "gzip":
    case "zstd":
      yield* inflated(whole, packing);
      return;
    case "bzip2":
    case "xz":
      yield* throughProgram(whole, packing, programs);
  }
}

/** As it comes where it is plain or packed as layers may be; plain where it is packed by bzip2 or xz. */
export async function* packedAsLayer(
  source: AsyncIterable<Uint8Array>,
  programs: Programs,
): AsyncIterable<Uint8Array> {
  const { packing, whole } = await peekPacking(source);
  if (isLayerPacking(packing)) yield* whole;
  else yield* throughProgram(whole, packing, programs);
}

/** Whether layers are kept packed so. */
export function isLayerPacking(packing: ArchivePacking): packing is "none" | "gzip" | "zstd" {
  return packing === "none" || packing === "gzip" || packing === "zstd";
}

async function* inflated(
  source: AsyncIterable<Uint8Array>,
  packing: "gzip" | "zstd",
): AsyncIterable<Uint8Array> {
  const options = { chunkSize: CHUNK_BYTES };
  const plain = packing === "gzip" ? createGunzip(options) : createZstdDecompress(options);
  const packed = Readable.from(source, { objectMode: false, highWaterMark: CHUNK_BYTES });
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
    throw damaged(packing, error);
  } finally {
    packed.destroy();
    plain.destroy();
  }
}

async function* throughProgram(
  source: AsyncIterable<Uint8Array>,
  packing: "bzip2" | "xz",
  programs: Programs,
): AsyncIterable<Uint8Array> {
  const child = startProgram(packing, programs);
  const identity = programs.identify(child.pid);
  const [input, output] = child.pipes;
  if (input === undefined || output === undefined) {
    throw new InternalError(`The process of ${packing} has no pipes`);
  }
  let sourceError: Error | undefined;
  const packed = Readable.from(source, { objectMode: false, highWaterMark: CHUNK_BYTES });
  packed.on("error", (error) => (sourceError = error));
  // that the program ends first, on damage, is told by its exit code
  pipeline(packed, createWriteStream("", { fd: input }), () => {});
  const plain = createReadStream("", { fd: output, highWaterMark: CHUNK_BYTES });
  try {
    for await (const chunk of plain) yield chunk as Uint8Array;
    const { code } = await child.exited;
    if (sourceError !== undefined) throw sourceError;
    if (code !== 0) throw damaged(packing, `its data are damaged or cut short (code ${code})`);
  } finally {
    packed.destroy();
    plain.destroy();
    if (identity) programs.kill(identity, SIGKILL);
    await child.exited;
  }
}

function startProgram(packing: "bzip2" | "xz", programs: Programs): ReturnType<Programs["spawn"]> {
  try {
    return programs.spawn({
      argv: PROGRAMS[packing],
      env: {},
      stdio: ["pipe", "pipe", "ignore"],
    });
  } catch (cause) {
    throw new FailedPreconditionError(
      `Cannot decompress (${packing}): ${messageOf(cause)}; install Debian's ${packing === "xz" ? "xz-utils" : "bzip2"}`,
      { cause },
    );
  }
}

function damaged(packing: ArchivePacking, cause: unknown): InvalidArgumentError {
  const reason = messageOf(cause);
  return new InvalidArgumentError(
    `Cannot decompress (${packing}): ${reason === "unexpected end of file" ? "unexpected EOF" : reason}`,
    { cause },
  );
}
