import type { Database, Statement } from "bun:sqlite";
import { closeSync, existsSync, openSync, statfsSync, statSync, writeSync } from "node:fs";

/**
 * Room that SQLite owns, so that records can still change, and above all be deleted, when the disk is full.
 *
 * A deletion needs space too: its pages go to the log first. Space that lies about is no help, because the
 * container that filled the disk takes it as soon as it is free. So the room is inside SQLite's own files:
 * the log has its full length from the start (SQLite writes it from the beginning again after each
 * checkpoint, and never shortens it), and the database has pages on its free list for the checkpoint.
 *
 * On file systems that never overwrite in place (btrfs, zfs) this does not help; they keep a reserve of their
 * own for deletions.
 */
const LOG_BYTES = 8 * 1024 * 1024;
/** On a smaller disk, or a fuller one, the room would itself be what fills it. */
const LEAST_FREE_BYTES = 3 * LOG_BYTES;
const FREE_PAGES = 256;
/** Writes between two looks at the free list. */
const LOOK_EVERY = 64;
const BLOCK_BYTES = 1024 * 1024;

export class StoreReserve {
  readonly #database: Database;
  readonly #logPath: string;
  readonly #freePages: Statement<{ readonly freelist_count: number }, []>;
  #writes = 0;

  constructor(database: Database, path: string) {
    this.#database = database;
    this.#logPath = `${path}-wal`;
    this.#freePages = database.prepare("PRAGMA freelist_count");
  }

  /** To be called outside of a transaction; what cannot be had now is tried again later. */
  fill(): void {
    this.#lengthenLog();
    this.#growFreeList();
  }

  /** To be called before each transaction. */
  noteWrite(): void {
    this.#writes++;
    if (this.#writes % LOOK_EVERY === 0) this.fill();
  }

  [Symbol.dispose](): void {
    this.#freePages.finalize();
  }

  /** Zeros past the last frame are no frames: their checksums do not fit. */
  #lengthenLog(): void {
    if (!existsSync(this.#logPath)) return;
    const { size } = statSync(this.#logPath);
    if (size >= LOG_BYTES) return;
    const { bavail, bsize } = statfsSync(this.#logPath);
    if (bavail * bsize < LEAST_FREE_BYTES) return;
    const zeros = Buffer.alloc(Math.min(BLOCK_BYTES, LOG_BYTES - size));
    const descriptor = openSync(this.#logPath, "r+");
    try {
      for (let at = size; at < LOG_BYTES; ) {
        at += writeSync(descriptor, zeros, 0, Math.min(zeros.length, LOG_BYTES - at), at);
      }
    } catch (error) {
      if (!isFull(error)) throw error;
    } finally {
      closeSync(descriptor);
    }
  }

  #growFreeList(): void {
    const free = this.#freePages.get()?.freelist_count ?? 0;
    if (free >= FREE_PAGES / 2) return;
    const { page_size: pageBytes } = readPageSize(this.#database);
    try {
      this.#database.run(
        "CREATE TABLE IF NOT EXISTS reserve (zeros BLOB); " +
          `INSERT INTO reserve VALUES (zeroblob(${FREE_PAGES * pageBytes})); DELETE FROM reserve`,
      );
    } catch (error) {
      if (!isFull(error)) throw error;
    }
  }
}

function readPageSize(database: Database): { readonly page_size: number } {
  using statement = database.prepare<{ readonly page_size: number }, []>("PRAGMA page_size");
  return statement.get() ?? { page_size: 4096 };
}

function isFull(error: unknown): boolean {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") {
    return false;
  }
  return /^(?:ENOSPC|EDQUOT|SQLITE_FULL|SQLITE_IOERR.*)$/.test(error.code);
}
