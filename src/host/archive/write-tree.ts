import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  ftruncateSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { type IdMappings, toHostId } from "#base/id-mappings.ts";
import { InvalidArgumentError, ResourceExhaustedError, WharfError } from "#base/errors.ts";
import type { PushedEntry } from "#base/tar/entry-header.ts";
import type { TarPushHandler } from "#base/tar/push-parser.ts";
import { goReason } from "./go-reason.ts";
import type { RemovedFiles } from "./removed-files.ts";
import type { ArchiveSyscalls } from "./syscalls.ts";

export interface TreeWriterOptions {
  readonly syscalls: ArchiveSyscalls;
  /** Absolute; a folder that is there. */
  readonly directory: string;
  /** Refuses to replace a folder by something else, and something else by a folder. */
  readonly keepsKinds: boolean;
  /** A member `./` sets owner, mode and times of the folder itself; else it is passed over, as Docker does. */
  readonly setsDirectory?: boolean;
  /**
   * Owner of all that is written: as the archive says, the process's own, or this one. Folders that are only on the way to
   * a member are root's, or the process's own.
   */
  readonly owner: "archived" | "own" | Owner;
  /** What owners in the archive are on the host; as they are when absent. */
  readonly mappings?: IdMappings | undefined;
  /** Keeps what is replaced until its space is needed; absent: it goes at once. */
  readonly removed?: RemovedFiles;
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

type Attributes = Pick<PushedEntry, "mode" | "mtimeSeconds" | "mtimeNanos">;

const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const REWRITE =
  constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;
const FULL: ReadonlySet<unknown> = new Set(["ENOSPC", "EDQUOT"]);
const XATTR_IGNORED: ReadonlySet<unknown> = new Set(["EPERM", "EINVAL", "ENODATA"]);

/**
 * Writes an archive's members below a folder, as they are met. Symbolic links are followed as the kernel
 * follows them: where that must not lead out of a tree, the process has changed its root to it.
 *
 * @throws {InvalidArgumentError} By each method, in Docker's words: a name that leads out of the folder,
 *   a kind that must not change. {ResourceExhaustedError} No space.
 */
export class TreeWriter implements TarPushHandler {
  readonly #options: TreeWriterOptions;
  readonly #prefix: string;
  /** Set last: writing into a folder changes its time, and its mode may forbid writing. */
  readonly #directories = new Map<string, Attributes>();
  /** A folder that was there when it was looked for last, and that nothing here has removed since. */
  #foundParent = "";
  #current: PushedEntry | undefined;
  #currentPath = "";
  #descriptor = -1;

  constructor(options: TreeWriterOptions) {
    this.#options = options;
    this.#prefix = options.directory === "/" ? "/" : `${options.directory}/`;
  }

  entry(entry: PushedEntry): void {
    const name = cleanName(entry.name);
    if (name.startsWith("../") || name === "..") {
      throw new InvalidArgumentError(
        `${JSON.stringify(entry.name.slice(0, 200))} is outside of ${JSON.stringify(this.#options.directory)}`,
      );
    }
    const path = name === "." ? this.#options.directory : this.#prefix + name;
    this.#explained(path, () => this.#place(path, name, entry));
  }

  data(chunk: Buffer, position?: number): void {
    if (this.#descriptor < 0) return;
    this.#explained(this.#currentPath, () => {
      for (let at = 0; at < chunk.length; ) {
        const to = position === undefined ? null : position + at;
        at += this.#write(chunk.subarray(at), to);
      }
    });
  }

  entryEnd(): void {
    const entry = this.#current;
    if (this.#descriptor < 0 || !entry) return;
    this.#explained(this.#currentPath, () => this.#finishFile(entry));
  }

  /** Sets what could not be set before. */
  finish(): void {
    for (const [path, attributes] of this.#directories) {
      this.#explained(path, () => {
        chmodSync(path, attributes.mode);
        this.#options.syscalls.setTimes(path, attributes.mtimeSeconds, attributes.mtimeNanos);
      });
    }
  }

  /** Closes what an error left open. */
  close(): void {
    if (this.#descriptor >= 0) closeSync(this.#descriptor);
    this.#descriptor = -1;
  }

  #write(bytes: Buffer, to: number | null): number {
    try {
      return writeSync(this.#descriptor, bytes, 0, bytes.length, to);
    } catch (error) {
      const isFull = FULL.has(codeOf(error));
      if (!isFull || this.#options.removed?.free() !== true) throw error;
      return writeSync(this.#descriptor, bytes, 0, bytes.length, to);
    }
  }

  #place(path: string, name: string, entry: PushedEntry): void {
    this.#makeParents(path, name);
    const found = lstatSync(path, { throwIfNoEntry: false });
    const isDirectory = entry.type === "directory";
    if (found) {
      this.#checkKinds(found.isDirectory(), isDirectory, name);
      const isOwn = found.isDirectory() && name === ".";
      if (isOwn && !(isDirectory && this.#options.setsDirectory === true)) return;
      if (found.isFile()) this.#options.removed?.hold(path, found.size);
      const stays = found.isDirectory() && isDirectory;
      if (!stays && !this.#remove(path, entry, found.isDirectory())) return;
    }
    this.#create(path, entry, found?.isDirectory() === true);
  }

  #checkKinds(wasDirectory: boolean, isDirectory: boolean, name: string): void {
    if (!this.#options.keepsKinds || wasDirectory === isDirectory) return;
    const [old, fresh] = wasDirectory
      ? ["directory", "non-directory"]
      : ["non-directory", "directory"];
    throw new InvalidArgumentError(
      `cannot overwrite ${old} ${JSON.stringify(name)} with ${fresh} ${JSON.stringify(this.#options.directory)}`,
    );
  }

  /** @returns False where the file itself cannot go, as something is mounted on it, and was opened anew instead. */
  #remove(path: string, entry: PushedEntry, wasDirectory: boolean): boolean {
    try {
      if (wasDirectory) {
        this.#foundParent = "";
        rmSync(path, { recursive: true });
      } else unlinkSync(path);
      return true;
    } catch (error) {
      if (codeOf(error) !== "EBUSY" || entry.type !== "file") throw error;
      const descriptor = openSync(path, REWRITE);
      if (!fstatSync(descriptor).isFile()) {
        closeSync(descriptor);
        throw error;
      }
      ftruncateSync(descriptor, 0);
      this.#begin(descriptor, path, entry);
      return false;
    }
  }

  #begin(descriptor: number, path: string, entry: PushedEntry): void {
    this.#descriptor = descriptor;
    this.#current = entry;
    this.#currentPath = path;
  }

  #create(path: string, entry: PushedEntry, exists: boolean): void {
    switch (entry.type) {
      case "directory":
        if (!exists) mkdirSync(path, 0o700);
        this.#own(path, entry);
        this.#setXattrs(path, entry);
        this.#directories.set(path, entry);
        return;
      case "file":
        this.#begin(openSync(path, CREATE, 0o600), path, entry);
        return;
      case "symbolic-link":
        symlinkSync(entry.linkName, path);
        this.#own(path, entry);
        break;
      case "hard-link":
        linkSync(this.#linkTarget(entry), path);
        return;
      case "character-device":
        this.#node(path, entry, constants.S_IFCHR);
        break;
      case "block-device":
        this.#node(path, entry, constants.S_IFBLK);
        break;
      case "fifo":
        this.#node(path, entry, constants.S_IFIFO);
        break;
    }
    this.#setXattrs(path, entry);
    this.#options.syscalls.setTimes(path, entry.mtimeSeconds, entry.mtimeNanos);
  }

  #linkTarget(entry: PushedEntry): string {
    const target = cleanName(entry.linkName);
    if (target === ".." || target.startsWith("../")) {
      throw new InvalidArgumentError(
        `invalid hardlink ${JSON.stringify(target.slice(0, 200))} -> ${JSON.stringify(entry.linkName.slice(0, 200))}`,
      );
    }
    return this.#prefix + target;
  }

  #node(path: string, entry: PushedEntry, type: number): void {
    const { deviceMajor, deviceMinor } = entry;
    this.#options.syscalls.makeNode(path, type | 0o600, deviceMajor, deviceMinor);
    this.#own(path, entry);
    chmodSync(path, entry.mode);
  }

  #finishFile(entry: PushedEntry): void {
    const descriptor = this.#descriptor;
    if (entry.extents) ftruncateSync(descriptor, entry.sizeBytes);
    const owner = this.#ownerOf(entry);
    if (owner) fchownSync(descriptor, owner.uid, owner.gid);
    // after the change of owner, which clears the set-ID bits
    fchmodSync(descriptor, entry.mode);
    this.#setXattrs(this.#currentPath, entry);
    this.#options.syscalls.setOpenFileTimes(descriptor, entry.mtimeSeconds, entry.mtimeNanos);
    this.#descriptor = -1;
    closeSync(descriptor);
  }

  #ownerOf(entry: PushedEntry): Owner | undefined {
    const { owner } = this.#options;
    if (owner === "own") return undefined;
    return this.#onHost(owner === "archived" ? entry : owner);
  }

  #onHost({ uid, gid }: Owner): Owner {
    const { mappings } = this.#options;
    if (!mappings) return { uid, gid };
    const onHost = { uid: toHostId(mappings.users, uid), gid: toHostId(mappings.groups, gid) };
    if (onHost.uid === undefined || onHost.gid === undefined) {
      throw new InvalidArgumentError(
        `owner ${uid}:${gid} is not one of the container's user namespace`,
      );
    }
    return { uid: onHost.uid, gid: onHost.gid };
  }

  #own(path: string, entry: PushedEntry): void {
    const owner = this.#ownerOf(entry);
    if (owner) lchownSync(path, owner.uid, owner.gid);
  }

  /** What the file system or the process may not have is left out, as Docker does. */
  #setXattrs(path: string, entry: PushedEntry): void {
    for (const [name, value] of entry.xattrs) {
      if (!name.startsWith("user.") && name !== "security.capability") continue;
      try {
        this.#options.syscalls.setXattr(path, name, value);
      } catch (error) {
        if (!XATTR_IGNORED.has(codeOf(error))) throw error;
      }
    }
  }

  #makeParents(path: string, name: string): void {
    if (!name.includes("/")) return;
    const parent = path.slice(0, path.lastIndexOf("/"));
    if (parent === this.#foundParent) return;
    this.#foundParent = parent;
    if (lstatSync(parent, { throwIfNoEntry: false })) return;
    const first = mkdirSync(parent, { recursive: true, mode: 0o755 });
    if (first === undefined || this.#options.owner === "own") return;
    const { uid, gid } = this.#onHost({ uid: 0, gid: 0 });
    for (let at = parent; at.length >= first.length; at = at.slice(0, at.lastIndexOf("/"))) {
      lchownSync(at, uid, gid);
    }
  }

  #explained(path: string, work: () => void): void {
    try {
      work();
    } catch (error) {
      if (error instanceof WharfError && codeOf(error) === undefined) throw error;
      const code = codeOf(error);
      const message = `${path}: ${goReason(error)}`;
      throw FULL.has(code) || code === "EMFILE"
        ? new ResourceExhaustedError(`write ${message}`, { cause: error })
        : new InvalidArgumentError(`${callOf(error)}${message}`, { cause: error });
    }
  }
}

/** As Go's `filepath.Clean` for a relative name; a leading slash means nothing. */
function cleanName(name: string): string {
  const parts: string[] = [];
  for (const part of name.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === ".." && parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else if (part !== ".." || !name.startsWith("/")) parts.push(part);
  }
  return parts.length === 0 ? "." : parts.join("/");
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string"
    ? error.code
    : undefined;
}

function callOf(error: unknown): string {
  const call = error instanceof Error && "syscall" in error ? error.syscall : undefined;
  return typeof call === "string" ? `${call} ` : "";
}
