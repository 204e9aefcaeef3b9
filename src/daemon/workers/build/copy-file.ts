import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  ftruncateSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  readSync,
  type Stats,
  symlinkSync,
  writeSync,
} from "node:fs";
import { InvalidArgumentError } from "#base/errors.ts";
import type { ArchiveSyscalls } from "#host/archive/syscalls.ts";
import type { Owner } from "#builder/files/root-paths.ts";

const BLOCK_BYTES = 512;
const PAGE_BYTES = 4096;
const CHUNK = Buffer.allocUnsafe(1024 * 1024);
const ZEROS = Buffer.alloc(PAGE_BYTES);

export interface FileCopierOptions {
  readonly syscalls: Pick<ArchiveSyscalls, "makeNode" | "setTimes" | "setXattr" | "xattrs">;
  /** Of all that is written; as the source has it when absent. */
  readonly owner: Owner | undefined;
  readonly mode: ((mode: number, isFolder: boolean) => number) | undefined;
}

interface Described {
  readonly target: string;
  readonly stats: Stats;
}

/** Copies files of one source with all that describes them: hard links stay such, holes stay holes. */
export class FileCopier {
  readonly #options: FileCopierOptions;
  /** Inode to where it was first copied. */
  readonly #linked = new Map<string, string>();
  /** Whose times are set last: writing into a folder changes them. */
  readonly #folders: Described[] = [];

  constructor(options: FileCopierOptions) {
    this.#options = options;
  }

  /** Copies one thing without what is in it; a folder may be there already. */
  copy(path: string, target: string, stats: Stats): void {
    if (stats.isDirectory()) {
      const found = lstatSync(target, { throwIfNoEntry: false });
      if (found && !found.isDirectory()) {
        throw new InvalidArgumentError(`cannot copy to non-directory: ${target}`);
      }
      if (!found) mkdirSync(target, 0o700);
      this.describe(path, target, stats);
      return;
    }
    if (stats.isSymbolicLink()) {
      symlinkSync(readlinkSync(path), target);
      this.#own(target, stats);
      this.#setTimes({ target, stats });
      return;
    }
    if (stats.isSocket()) return;
    const inode = stats.nlink > 1 ? `${stats.dev}:${stats.ino}` : undefined;
    const first = inode === undefined ? undefined : this.#linked.get(inode);
    if (first !== undefined) {
      linkSync(first, target);
      return;
    }
    if (stats.isFile()) copyContent(path, target, stats);
    else this.#makeNode(target, stats);
    if (inode !== undefined) this.#linked.set(inode, target);
    this.describe(path, target, stats);
  }

  /** Gives a file or folder the owner, mode, attributes and times of its source. */
  describe(path: string, target: string, stats: Stats): void {
    this.#own(target, stats);
    const mode = stats.mode & 0o7777;
    chmodSync(target, this.#options.mode?.(mode, stats.isDirectory()) ?? mode);
    this.#copyXattrs(path, target);
    if (stats.isDirectory()) this.#folders.push({ target, stats });
    else this.#setTimes({ target, stats });
  }

  finish(): void {
    for (const folder of this.#folders) this.#setTimes(folder);
  }

  #own(target: string, stats: Stats): void {
    const { uid, gid } = this.#options.owner ?? stats;
    lchownSync(target, uid, gid);
  }

  #copyXattrs(path: string, target: string): void {
    const { syscalls } = this.#options;
    const found = syscalls.xattrs(
      path,
      (name) => name === "security.capability" || name.startsWith("user."),
    );
    for (const [name, value] of found) syscalls.setXattr(target, name, value);
  }

  #setTimes({ target, stats }: Described): void {
    const seconds = Math.floor(stats.mtimeMs / 1000);
    const nanos = Math.min(
      999_999_999,
      Math.max(0, Math.round((stats.mtimeMs - seconds * 1000) * 1e6)),
    );
    this.#options.syscalls.setTimes(target, seconds, nanos);
  }

  #makeNode(target: string, stats: Stats): void {
    const { rdev, mode } = stats;
    const major = (rdev >> 8) & 0xfff;
    const minor = (rdev & 0xff) | ((rdev >> 12) & ~0xff);
    this.#options.syscalls.makeNode(target, mode & constants.S_IFMT, major, minor);
  }
}

/** Copies a regular file's content to a file that is not there yet, by reflink where the file system can. */
export function copyContent(path: string, target: string, stats: Stats = lstatSync(path)): void {
  const isSparse = stats.blocks * BLOCK_BYTES < stats.size;
  if (isSparse) copySparse(path, target, stats.size);
  else copyFileSync(path, target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
}

function copySparse(path: string, target: string, sizeBytes: number): void {
  const from = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  const to = openSync(target, "wx", 0o600);
  try {
    for (let at = 0; ; ) {
      const length = readSync(from, CHUNK, 0, CHUNK.length, at);
      if (length === 0) break;
      for (let page = 0; page < length; page += PAGE_BYTES) {
        const part = CHUNK.subarray(page, Math.min(page + PAGE_BYTES, length));
        if (!part.equals(ZEROS.subarray(0, part.length))) {
          writeSync(to, part, 0, part.length, at + page);
        }
      }
      at += length;
    }
    ftruncateSync(to, sizeBytes);
  } finally {
    closeSync(from);
    closeSync(to);
  }
}
