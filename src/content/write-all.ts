import type { FileHandle } from "node:fs/promises";
import { messageOf, ResourceExhaustedError } from "#base/errors.ts";

/**
 * Writes gathered chunks at the file's position.
 *
 * @param totalBytes Sum of the chunks' lengths.
 * @throws {ResourceExhaustedError} It cannot be written.
 */
export async function writeAll(
  file: FileHandle,
  chunks: readonly Uint8Array[],
  totalBytes: number,
): Promise<void> {
  const [only] = chunks;
  let bytes = chunks.length === 1 && only ? only : Buffer.concat(chunks, totalBytes);
  while (bytes.byteLength > 0) {
    try {
      const { bytesWritten } = await file.write(bytes);
      bytes = bytes.subarray(bytesWritten);
    } catch (cause) {
      throw new ResourceExhaustedError(`Cannot write to the content store: ${messageOf(cause)}`, {
        cause,
      });
    }
  }
}
