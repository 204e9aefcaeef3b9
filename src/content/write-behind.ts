import type { FileHandle } from "node:fs/promises";
import { writeAll } from "./write-all.ts";

/** Bytes gathered before a write: larger gains nothing, smaller costs calls. */
const STRETCH_BYTES = 1024 * 1024;
/** The disk is set to work each time so much more was written: else all of it waits for the sync at the end. */
const SYNC_BYTES = 32 * 1024 * 1024;

/**
 * Writes a blob behind the one who hashes it: a stretch goes to the file while the next is gathered, and to the disk
 * while later ones come. At most two stretches are in memory.
 */
export class WriteBehind {
  readonly #file: FileHandle;
  readonly #onWritten: (bytes: number) => void;
  #gathered: Uint8Array[] = [];
  #gatheredBytes = 0;
  #writtenBytes = 0;
  #syncedBytes = 0;
  #writing: Promise<void> = Promise.resolve();
  #syncing: Promise<void> = Promise.resolve();
  #isSyncing = false;

  /** @param onWritten Told how many bytes the file has, each time it has more. */
  constructor(file: FileHandle, onWritten: (bytes: number) => void) {
    this.#file = file;
    this.#onWritten = onWritten;
  }

  /**
   * Takes a chunk, which must not be changed afterwards.
   *
   * @throws {ResourceExhaustedError} This one or one before cannot be written.
   */
  async add(chunk: Uint8Array): Promise<void> {
    this.#gathered.push(chunk);
    this.#gatheredBytes += chunk.byteLength;
    if (this.#gatheredBytes >= STRETCH_BYTES) await this.#next();
  }

  /**
   * Waits for all that was added to be in the file and on the disk.
   *
   * @throws {ResourceExhaustedError} It cannot be written.
   */
  async finish(): Promise<void> {
    await this.#next();
    await this.#writing;
    await this.#syncing; // what went wrong is told once: the next sync knows nothing of it
    await this.#file.sync();
  }

  /** To be awaited before the file is closed, also after a failure. */
  async settled(): Promise<void> {
    await Promise.allSettled([this.#writing, this.#syncing]);
  }

  async #next(): Promise<void> {
    await this.#writing;
    if (this.#gatheredBytes === 0) return;
    this.#writing = this.#write(this.#gathered, this.#gatheredBytes);
    this.#writing.catch(() => undefined); // whoever awaits it next is told
    this.#gathered = [];
    this.#gatheredBytes = 0;
  }

  async #write(chunks: readonly Uint8Array[], totalBytes: number): Promise<void> {
    await writeAll(this.#file, chunks, totalBytes);
    this.#writtenBytes += totalBytes;
    this.#onWritten(this.#writtenBytes);
    if (this.#isSyncing || this.#writtenBytes < this.#syncedBytes + SYNC_BYTES) return;
    this.#syncedBytes = this.#writtenBytes;
    this.#syncing = this.#sync(this.#syncing);
    this.#syncing.catch(() => undefined); // `finish` is told
  }

  async #sync(before: Promise<void>): Promise<void> {
    this.#isSyncing = true;
    try {
      await before;
      await this.#file.datasync();
    } finally {
      this.#isSyncing = false;
    }
  }
}
