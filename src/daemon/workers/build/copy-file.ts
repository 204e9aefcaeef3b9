import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
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
import { dirname } from "node:path";
import { InvalidArgumentError } from "#base/errors.ts";
import type { ArchiveSyscalls } from "#host/archive/syscalls.ts";
import type { Owner } from "#builder/files/root-paths.ts";

const BLOCK_BYTES = 512;
const PAGE_BYTES = 4096;
const CHUNK = Buffer.allocUnsafe(1024 * 1024);
const ZEROS = Buffer.alloc(PAGE_BYTES);

export interface FileCopierOptions {
  readonly syscalls: Pick<
    ArchiveSyscalls,
    "makeNode" | "setOpenFileTimes" | "setTimes" | "setXattr" | "xattrs"
  >;
  /** Of all that is written; as the source has it when absent. */
  readonly owner: Owner | undefined;
  readonly mode: ((mode: number, isFolder: boolean) => number) | undefined;
  /** Extended attributes are copied too. */
  readonly hasXattrs: boolean;
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

  /** Folders that were not there before. */
  readonly #fresh = new Set<string>();

  constructor(options: FileCopierOptions) {
    this.#options = options;
  }

  /** Whether nothing can be there, as its folder was made just now. */
  isFree(target: string): boolean {
    return this.#fresh.has(dirname(target));
  }

  /** Copies one thing without what is in it; a folder may be there already. */
  copy(path: string, target: string, stats: Stats): void {
    if (stats.isDirectory()) {
      const found = lstatSync(target, { throwIfNoEntry: false });
      if (found && !found.isDirectory()) {
        throw new InvalidArgumentError(`cannot copy to non-directory: ${target}`);
      }
      if (!found) {
        mkdirSync(target, 0o700);
        this.#fresh.add(target);
      }
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
    if (inode !== undefined) this.#linked.set(inode, target);
    if (stats.isFile()) {
      this.#copyFile(path, target, stats);
      return;
    }
    this.#makeNode(target, stats);
    this.describe(path, target, stats);
  }

  #copyFile(path: string, target: string, stats: Stats): void {
    const { syscalls, owner, mode } = this.#options;
    const descriptor = openCopy(path, target, stats);
    try {
      const { uid, gid } = owner ?? stats;
      fchownSync(descriptor, uid, gid);
      fchmodSync(descriptor, mode?.(stats.mode & 0o7777, false) ?? stats.mode & 0o7777);
      this.#copyXattrs(path, target);
      const { seconds, nanos } = timeOf(stats);
      syscalls.setOpenFileTimes(descriptor, seconds, nanos);
    } finally {
      closeSync(descriptor);
    }
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

  /** Gives a folder the time of its source, when all is in it. */
  setTimeOf(target: string, stats: Stats): void {
    this.#folders.push({ target, stats });
  }

  finish(): void {
    for (const folder of this.#folders) this.#setTimes(folder);
  }

  #own(target: string, stats: Stats): void {
    const { uid, gid } = this.#options.owner ?? stats;
    lchownSync(target, uid, gid);
  }

  #copyXattrs(path: string, target: string): void {
    const { syscalls, hasXattrs } = this.#options;
    if (!hasXattrs) return;
    const found = syscalls.xattrs(
      path,
      (name) => name === "security.capability" || name.startsWith("user."),
    );
    for (const [name, value] of found) syscalls.setXattr(target, name, value);
  }

  #setTimes({ target, stats }: Described): void {
    const { seconds, nanos } = timeOf(stats);
    this.#options.syscalls.setTimes(target, seconds, nanos);
  }

  #makeNode(target: string, stats: Stats): void {
    const { rdev, mode } = stats;
    const major = (rdev >> 8) & 0xfff;
    const minor = (rdev & 0xff) | ((rdev >> 12) & ~0xff);
    this.#options.syscalls.makeNode(target, mode & constants.S_IFMT, major, minor);
  }
}

function timeOf({ mtimeMs }: Stats): { readonly seconds: number; readonly nanos: number } {
  const seconds = Math.floor(mtimeMs / 1000);
  const nanos = Math.round((mtimeMs - seconds * 1000) * 1e6);
  return { seconds, nanos: Math.min(999_999_999, Math.max(0, nanos)) };
}

/** Copies a regular file's content to a file that is not there yet. */
export function copyContent(path: string, target: string, stats: Stats = lstatSync(path)): void {
  closeSync(openCopy(path, target, stats));
}

/**
 * The same, by reading and writing: copy_file_range(2) and sendfile(2) take three times as long for small files,
 * into overlayfs and out of it.
 *
 * @returns The new file, open, for the caller to close.
 */
function openCopy(path: string, target: string, stats: Stats): number {
  const from = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const to = openSync(target, "wx", 0o600);
    try {
      const isSparse = stats.blocks * BLOCK_BYTES < stats.size;
      if (isSparse) copySparse(from, to, stats.size);
      else copyWhole(from, to);
    } catch (error) {
      closeSync(to);
      throw error;
    }
    return to;
  } finally {
    closeSync(from);
  }
}

function copyWhole(from: number, to: number): void {
  for (;;) {
    const length = readSync(from, CHUNK, 0, CHUNK.length, null);
    for (let at = 0; at < length; ) at += writeSync(to, CHUNK, at, length - at);
    if (length < CHUNK.length) return;
  }
}

function copySparse(from: number, to: number, sizeBytes: number): void {
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
}
