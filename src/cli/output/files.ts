import { rmSync, type Stats, statSync } from "node:fs";
import { type FileHandle, open, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import { openFailure } from "./open-failure.ts";

const chunkBytes = 1024 * 1024;

/**
 * A file's bytes, read as they are asked for into the same memory: a chunk is valid until the next is asked for.
 *
 * @throws {NotFoundError} While iterating, when it cannot be opened, in docker's words.
 */
export async function* fileChunks(path: string): AsyncGenerator<Uint8Array> {
  const file = await open(path, "r").catch((error: unknown) => {
    throw new NotFoundError(openFailure(path, error), { cause: error });
  });
  try {
    const buffer = new Uint8Array(chunkBytes);
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, chunkBytes, null).catch((error: unknown) => {
        throw new InvalidArgumentError(openFailure(path, error), { cause: error });
      });
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

/**
 * Refuses a place where no file can be written, before anything is asked of the engine.
 *
 * @param what Put before the reason: `failed to save image`.
 */
export function checkOutputPath(path: string, what: string): void {
  const folder = dirname(path);
  const stat = (place: string): Stats | undefined => {
    try {
      return statSync(place, { throwIfNoEntry: false });
    } catch (cause) {
      const reason = openFailure(place, cause).replace(/^open/, "stat");
      throw new InvalidArgumentError(`${what}: invalid output path: ${reason}`, { cause });
    }
  };
  if (!stat(folder)?.isDirectory()) {
    throw new InvalidArgumentError(
      `${what}: invalid output path: directory ${JSON.stringify(folder)} does not exist`,
    );
  }
  if (stat(path)?.isDirectory()) {
    throw new InvalidArgumentError(
      `${what}: invalid output path: ${JSON.stringify(path)} must be a regular file`,
    );
  }
}

/**
 * Writes a stream to a file that appears whole or not at all. Pipes and devices are written
 * directly.
 */
export async function writeFileAtomically(
  path: string,
  content: AsyncIterable<Uint8Array>,
): Promise<void> {
  const before = statSync(path, { throwIfNoEntry: false });
  if (before && !before.isFile()) {
    const device = await open(path, "w");
    return copyAndClose(device, content);
  }
  const temporary = `${path}.${process.pid}.tmp`;
  const file = await open(temporary, "wx", 0o600);
  try {
    await copyAndClose(file, content);
    await rename(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

async function copyAndClose(file: FileHandle, content: AsyncIterable<Uint8Array>): Promise<void> {
  try {
    for await (const chunk of content) await file.writeFile(chunk);
  } finally {
    await file.close();
  }
}
