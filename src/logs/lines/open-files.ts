import { randomUUID } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { endOfLines } from "./locate.ts";
import type { LineStore } from "./store.ts";

export interface OpenFile extends AsyncDisposable {
  readonly handle: FileHandle;
  /** What it had of whole lines when it was opened. */
  readonly sizeBytes: number;
}

/**
 * Opens the files of a store, newest first, one by one, as far back as the caller asks. To be called with
 * the store's lock held, so that none changes its name meanwhile. The caller closes them.
 *
 * A compressed file is unpacked into one without a name beside it: places in it can be looked up then.
 */
export async function* openFiles(store: LineStore): AsyncGenerator<OpenFile> {
  for (let number = 0; number < store.options.maxFiles; number++) {
    const path = store.pathOf(number);
    const handle =
      (await tryOpen(path)) ?? (number > 0 ? await tryUnpack(`${path}.gz`) : undefined);
    if (!handle) {
      if (number === 0) continue;
      return;
    }
    const { size } = await handle.stat();
    const sizeBytes = await endOfLines(handle, size);
    yield { handle, sizeBytes, [Symbol.asyncDispose]: () => handle.close() };
  }
}

async function tryOpen(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, "r");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

async function tryUnpack(path: string): Promise<FileHandle | undefined> {
  const packed = await tryOpen(path);
  if (!packed) return undefined;
  await packed.close();
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    await pipeline(
      createReadStream(path),
      createGunzip(),
      createWriteStream(temporary, { mode: 0o600 }),
    );
    return await open(temporary, "r");
  } finally {
    await rm(temporary, { force: true });
  }
}
