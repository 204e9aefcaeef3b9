import type { FileHandle } from "node:fs/promises";
import { messageOf, ResourceExhaustedError } from "#base/errors.ts";

/** More are put together first; the kernel takes 1,024 (IOV_MAX). */
const MOST_CHUNKS = 256;

/**
 * Writes gathered chunks at the file's position, as they are: putting them together would touch each byte once more.
 *
 * @param totalBytes Sum of the chunks' lengths.
 * @throws {ResourceExhaustedError} It cannot be written.
 */
export async function writeAll(
  file: FileHandle,
  chunks: readonly Uint8Array[],
  totalBytes: number,
): Promise<void> {
  try {
    const isFew = chunks.length <= MOST_CHUNKS;
    const { bytesWritten } = isFew ? await file.writev(chunks) : { bytesWritten: 0 };
    if (bytesWritten === totalBytes) return;
    let rest = Buffer.concat(chunks, totalBytes).subarray(bytesWritten);
    while (rest.byteLength > 0) {
      const written = await file.write(rest);
      rest = rest.subarray(written.bytesWritten);
    }
  } catch (cause) {
    throw new ResourceExhaustedError(`Cannot write to the content store: ${messageOf(cause)}`, {
      cause,
    });
  }
}
