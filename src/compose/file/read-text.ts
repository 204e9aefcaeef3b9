import { closeSync, openSync, readSync } from "node:fs";
import { InvalidArgumentError } from "#base/errors.ts";

/** In bytes: what a file of a project may have. Its tree takes some thirty times as much memory. */
const LARGEST = 16 * 1024 * 1024;
const PIECE = 256 * 1024;

/**
 * A whole file of text, also a device or pipe, of 16 MiB at most.
 *
 * @param file Its path; 0 is standard input.
 * @throws {InvalidArgumentError} It is larger. {Error} What the system says of it, with its `code`.
 */
export function readText(file: string | 0): string {
  const fd = file === 0 ? 0 : openSync(file, "r");
  try {
    const pieces: Uint8Array[] = [];
    for (let total = 0; ; ) {
      const piece = new Uint8Array(PIECE);
      const length = readSync(fd, piece, 0, PIECE, null);
      if (length === 0) return Buffer.concat(pieces).toString("utf8");
      total += length;
      if (total > LARGEST) {
        const name = file === 0 ? "standard input" : file;
        throw new InvalidArgumentError(
          `${name} is larger than 16 MiB: that is no file of a project`,
        );
      }
      pieces.push(piece.subarray(0, length));
    }
  } finally {
    if (fd !== 0) closeSync(fd);
  }
}
