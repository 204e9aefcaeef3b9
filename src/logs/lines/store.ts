import { closeSync, createReadStream, createWriteStream, openSync } from "node:fs";
import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { deferred, Semaphore } from "#base/async.ts";

const NEWLINE = 0x0a;
/** Files that a slow follower may hold open beyond those that are kept. */
const MAX_PENDING_FILES = 256;

export interface LineStoreOptions {
  /** The newest file; older ones have `.1`, `.2`, … behind, `.gz` when compressed. */
  readonly path: string;
  /** A file that has this much is put aside before the next line; absent: never. */
  readonly maxBytes?: number;
  /** Files in all, at least 1. */
  readonly maxFiles: number;
  readonly isCompressed: boolean;
}

/** Which file the store writes and how far, to find it again. */
export interface StorePlace {
  readonly inode: number;
  readonly sizeBytes: number;
}

/** One who reads on while the store is written. Each file that the store begins is handed to it, open. */
export interface Follower extends Disposable {
  readonly files: FileHandle[];
  /** It was too slow: files are missing from here on. */
  isBehind: boolean;
}

/** A log of lines in files that are put aside when they are full, as Docker's `json-file` and `local` do. */
export class LineStore {
  readonly options: LineStoreOptions;
  /** Held while files change their names, and by readers while they open them. */
  readonly lock: Semaphore = new Semaphore(1);
  readonly #followers = new Set<Follower>();
  #file: FileHandle | undefined;
  #sizeBytes = 0;
  #inode = 0;
  #isAtLineStart = true;
  #unwritten: Buffer = Buffer.alloc(0);
  #compressing: Promise<void> = Promise.resolve();
  #changed = deferred();
  /** Told of what goes wrong behind: a file that could not be compressed stays as it is. */
  readonly #warn: (message: string) => void;

  constructor(options: LineStoreOptions, warn: (message: string) => void) {
    this.options = options;
    this.#warn = warn;
  }

  /** Makes the file when there is none. */
  async open(): Promise<void> {
    if (this.#file) return;
    using _ = await this.lock.acquire();
    if (!this.#file) await this.#openFile(); // another may have, meanwhile
  }

  /** Makes the file where there is none: those that ship it wait for it. */
  touch(): void {
    try {
      closeSync(openSync(this.options.path, "a", 0o640));
    } catch (error) {
      this.#warn(`Cannot make log file ${this.options.path}: ${String(error)}`);
    }
  }

  get place(): StorePlace {
    return { inode: this.#inode, sizeBytes: this.#sizeBytes };
  }

  /**
   * Bytes that were written after `place`, whose size may reach into the files after its own; `undefined`
   * when its file is gone.
   */
  async bytesSince(place: StorePlace): Promise<number | undefined> {
    let total = 0;
    for (let number = 0; number < this.options.maxFiles; number++) {
      const found = await stat(this.pathOf(number)).catch(ignoreMissing);
      if (!found) continue;
      total += found.size;
      if (found.ino === place.inode) return Math.max(0, total - place.sizeBytes);
    }
    return undefined;
  }

  pathOf(number: number): string {
    return number === 0 ? this.options.path : `${this.options.path}.${number}`;
  }

  /**
   * Appends whole lines. What a failure leaves unwritten comes first in the next call.
   *
   * @throws What `node:fs` throws.
   */
  async append(lines: Buffer): Promise<void> {
    this.#unwritten =
      this.#unwritten.length === 0 ? lines : Buffer.concat([this.#unwritten, lines]);
    try {
      await this.#write();
    } catch (error) {
      this.#unwritten = Buffer.from(this.#unwritten); // the caller's buffer is used again
      throw error;
    }
  }

  /** Resolves at the next append or `notify` after this call. */
  changed(): Promise<void> {
    return this.#changed.promise;
  }

  notify(): void {
    const changed = this.#changed;
    this.#changed = deferred();
    changed.resolve();
  }

  /** To be called with the lock held, so that it misses no file. */
  follow(): Follower {
    const follower: Follower = {
      files: [],
      isBehind: false,
      [Symbol.dispose]: () => {
        this.#followers.delete(follower);
        for (const file of follower.files.splice(0)) void file.close();
      },
    };
    this.#followers.add(follower);
    return follower;
  }

  get isFollowed(): boolean {
    return this.#followers.size > 0;
  }

  async close(): Promise<void> {
    await this.#compressing;
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  async #write(): Promise<void> {
    const { maxBytes = Number.POSITIVE_INFINITY } = this.options;
    while (this.#unwritten.length > 0) {
      if (this.#sizeBytes >= maxBytes && this.#isAtLineStart) await this.#rotate();
      await this.open();
      const file = this.#file;
      if (!file) continue;
      const part = this.#unwritten.subarray(
        0,
        endOfPart(this.#unwritten, maxBytes - this.#sizeBytes),
      );
      const { bytesWritten } = await file.write(part);
      this.#sizeBytes += bytesWritten;
      this.#isAtLineStart = this.#unwritten[bytesWritten - 1] === NEWLINE;
      this.#unwritten = this.#unwritten.subarray(bytesWritten);
      this.notify();
    }
  }

  async #openFile(): Promise<void> {
    const file = await open(this.options.path, "a+", 0o640);
    const { ino, size } = await file.stat();
    this.#file = file;
    this.#inode = ino;
    this.#sizeBytes = size;
    this.#isAtLineStart = size === 0 || (await lastByte(file, size)) === NEWLINE;
  }

  async #rotate(): Promise<void> {
    await this.#compressing;
    using _ = await this.lock.acquire();
    await this.#file?.close();
    this.#file = undefined;
    const { maxFiles, isCompressed, path } = this.options;
    if (maxFiles === 1) await rm(path, { force: true });
    for (let number = maxFiles - 1; number >= 1; number--) {
      for (const suffix of ["", ".gz"]) {
        if (number === maxFiles - 1) await rm(this.pathOf(number) + suffix, { force: true });
        if (number === 1 && suffix !== "") continue;
        await rename(this.pathOf(number - 1) + suffix, this.pathOf(number) + suffix).catch(
          ignoreMissing,
        );
      }
    }
    await this.#openFile();
    await this.#handOver();
    if (isCompressed && maxFiles > 1) this.#compressing = this.#compress(this.pathOf(1));
  }

  async #handOver(): Promise<void> {
    for (const follower of this.#followers) {
      if (follower.files.length >= MAX_PENDING_FILES) follower.isBehind = true;
      if (follower.isBehind) continue;
      follower.files.push(await open(this.options.path, "r"));
    }
  }

  async #compress(path: string): Promise<void> {
    const temporary = `${path}.gz.tmp`;
    try {
      await pipeline(
        createReadStream(path),
        createGzip(),
        createWriteStream(temporary, { mode: 0o640 }),
      );
      using _ = await this.lock.acquire();
      await rename(temporary, `${path}.gz`);
      await rm(path);
    } catch (error) {
      await rm(temporary, { force: true });
      if (ignorable(error)) return; // the container was removed meanwhile
      this.#warn(`Cannot compress log file ${path}: ${String(error)}`);
    }
  }
}

/** Up to the end of the line that fills the room. */
function endOfPart(lines: Buffer, room: number): number {
  if (lines.length <= room) return lines.length;
  const end = lines.indexOf(NEWLINE, Math.max(0, room - 1));
  return end < 0 ? lines.length : end + 1;
}

async function lastByte(file: FileHandle, size: number): Promise<number | undefined> {
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, size - 1);
  return byte[0];
}

function ignorable(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

function ignoreMissing(error: unknown): undefined {
  if (!ignorable(error)) throw error;
}
