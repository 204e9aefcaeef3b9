import { closeSync, constants, fstatSync, openSync, readlinkSync, readSync } from "node:fs";
import { InvalidArgumentError } from "#base/errors.ts";

/** In bytes: what a file of a project may have. Its tree takes some thirty times as much memory. */
const LARGEST = 16 * 1024 * 1024;
const PIECE = 256 * 1024;
const WRITER_MS = 5000;
const LOOK_MS = 5;

/** The bytes of a file by its path. */
export type ReadBytes = (path: string) => Uint8Array;

/** Reads each file once: what came through a pipe does not come again. */
export function onceEach(): ReadBytes {
  const known = new Map<string, Uint8Array>();
  return (path) => {
    const before = known.get(path);
    if (before !== undefined) return before;
    const bytes = readBytes(path);
    known.set(path, bytes);
    return bytes;
  };
}

/**
 * A whole file, also a device or pipe, of 16 MiB at most.
 *
 * @param file Its path; 0 is standard input.
 * @param writerMs How long a named pipe may stay without anybody who writes into it.
 * @throws {InvalidArgumentError} It is larger, a folder, or a named pipe into which nobody writes. {Error} What the
 *   system says of it, with its `code`.
 */
export function readBytes(file: string | 0, writerMs: number = WRITER_MS): Uint8Array {
  const fd = file === 0 ? 0 : openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  const name = file === 0 ? "standard input" : file;
  try {
    if (fstatSync(fd).isDirectory()) {
      throw new InvalidArgumentError(`read ${name}: is a directory`);
    }
    const pieces: Uint8Array[] = [];
    let writerBy = isNamedPipe(fd) ? performance.now() + writerMs : undefined;
    for (let total = 0; ; ) {
      const piece = readPiece(fd);
      if (piece === "later") {
        writerBy = undefined; // there is somebody: it takes as long as it takes
        Bun.sleepSync(LOOK_MS);
        continue;
      }
      if (piece.length === 0 && total === 0 && writerBy !== undefined) {
        if (performance.now() > writerBy) {
          const what = `it is a pipe into which nobody has written for ${writerMs / 1000} s`;
          throw new InvalidArgumentError(`read ${name}: ${what}`);
        }
        Bun.sleepSync(LOOK_MS);
        continue;
      }
      if (piece.length === 0) return Buffer.concat(pieces);
      total += piece.length;
      if (total > LARGEST) {
        throw new InvalidArgumentError(
          `${name} is larger than 16 MiB: that is no file of a project`,
        );
      }
      pieces.push(piece);
    }
  } finally {
    if (fd !== 0) closeSync(fd);
  }
}

/** One that shells make for `<(…)` has no name: where nobody writes any more, it has ended. */
function isNamedPipe(fd: number): boolean {
  return fstatSync(fd).isFIFO() && !readlinkSync(`/proc/self/fd/${fd}`).startsWith("pipe:");
}

/** @returns `later` where somebody may still write, and has not. */
function readPiece(fd: number): Uint8Array | "later" {
  const piece = new Uint8Array(PIECE);
  try {
    return piece.subarray(0, readSync(fd, piece, 0, PIECE, null));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EAGAIN") return "later";
    throw error;
  }
}
