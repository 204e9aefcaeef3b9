import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  ftruncateSync,
  chmodSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { InvalidArgumentError, messageOf, ResourceExhaustedError } from "#base/errors.ts";
import type { TarPushHandler } from "#base/tar/push-parser.ts";
import { planEntry } from "./plan-entry.ts";
import type { UnpackLimits, UnpackSummary } from "./protocol.ts";
import type { PushedEntry } from "#base/tar/entry-header.ts";

/** What `node:fs` lacks. Errors carry a `code`, as those of `node:fs`. */
export interface LayerSyscalls {
  /** mknod(2); `mode` with the type bits. */
  makeNode(path: string, mode: number, major: number, minor: number): void;
  /** lsetxattr(2). @returns False where the file system has no such attribute. */
  setXattr(path: string, name: string, value: Uint8Array): boolean;
  /** utimensat(2) of both times, not following a symbolic link. */
  setTimes(path: string, seconds: number, nanos: number): void;
  setOpenFileTimes(descriptor: number, seconds: number, nanos: number): void;
  /** Has the kernel begin to write an open file to the disk, and waits for none of it. */
  startWriting(descriptor: number): void;
  /** Bytes that the file system at `/` has left. */
  freeBytes(): number;
}

export interface LayerWriterOptions {
  readonly syscalls: LayerSyscalls;
  readonly form: "overlay" | "merged";
  readonly limits: UnpackLimits;
}

/** Owner, mode and times of a folder, set after all else: writing into it would change them again. */
type DirectoryAttributes = Pick<
  PushedEntry,
  "mode" | "uid" | "gid" | "mtimeSeconds" | "mtimeNanos" | "xattrs"
>;

const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const SPECIAL_BITS = 0o7000;
/** So much of a file is set on its way to the disk: else all of the layer waits for the sync at the end. */
const START_BYTES = 1024 * 1024;
/** The same of a large file, while more of it comes. */
const START_AGAIN_BYTES = 16 * START_BYTES;
const FREE_CHECK_BYTES = 64 * 1024 * 1024;
const OPAQUE_XATTR = "trusted.overlay.opaque";

/**
 * Carries out a layer's entries. The process must have changed its root to the layer's folder: that, and
 * no check here, is what keeps a symbolic link from leading a later entry out of it.
 */
export class LayerWriter implements TarPushHandler {
  readonly #syscalls: LayerSyscalls;
  readonly #isOverlay: boolean;
  readonly #limits: UnpackLimits;
  readonly #directories = new Map<string, DirectoryAttributes>();
  readonly #implied = new Set<string>();
  /** Whiteouts of this layer so far, as long as nothing took their place. */
  readonly #whiteouts = new Set<string>();
  /** What this layer made; kept only where it lies among the files of the layers below. */
  readonly #made = new Set<string>();
  #current: PushedEntry | undefined;
  #currentPath = "";
  #descriptor = -1;
  /** Of the current file. */
  #unstartedBytes = 0;
  #entries = 0;
  #declaredBytes = 0;
  #sizeBytes = 0;
  #uncheckedBytes = FREE_CHECK_BYTES;

  constructor(options: LayerWriterOptions) {
    this.#syscalls = options.syscalls;
    this.#isOverlay = options.form === "overlay";
    this.#limits = options.limits;
  }

  /** How many there were so far. */
  get entries(): number {
    return this.#entries;
  }

  entry(entry: PushedEntry): void {
    this.#count(entry);
    const plan = planEntry(entry);
    try {
      switch (plan.kind) {
        case "skip":
          return;
        case "create":
          this.#create(plan.path, entry);
          return;
        case "link":
          this.#link(plan.path, plan.target);
          return;
        case "whiteout":
          this.#whiteout(plan.path);
          return;
        case "opaque":
          this.#opaque(plan.path);
      }
    } catch (error) {
      throw explain(entry.name, error);
    }
  }

  data(chunk: Buffer, position?: number): void {
    // data of an entry that makes no file (a whiteout with contents) is read past
    if (this.#descriptor < 0) return;
    try {
      for (let at = 0; at < chunk.length; ) {
        const to = position === undefined ? null : position + at;
        at += writeSync(this.#descriptor, chunk, at, chunk.length - at, to);
      }
      this.#unstartedBytes += chunk.length;
      if (this.#unstartedBytes >= START_AGAIN_BYTES) this.#startWriting();
    } catch (error) {
      throw explain(this.#currentPath, error);
    }
  }

  entryEnd(): void {
    const entry = this.#current;
    if (this.#descriptor < 0 || !entry) return;
    try {
      this.#finishFile(entry);
    } catch (error) {
      throw explain(entry.name, error);
    }
  }

  /** Sets what could not be set before, and sums up. */
  finish(): UnpackSummary {
    for (const [path, attributes] of this.#directories) {
      try {
        lchownSync(path, attributes.uid, attributes.gid);
        chmodSync(path, attributes.mode);
        this.#setXattrs(path, attributes.xattrs);
        this.#syscalls.setTimes(path, attributes.mtimeSeconds, attributes.mtimeNanos);
      } catch (error) {
        throw explain(path, error);
      }
    }
    return {
      entries: this.#entries,
      sizeBytes: this.#sizeBytes,
      impliedDirectories: [...this.#implied],
    };
  }

  /** Closes what an error left open. */
  close(): void {
    if (this.#descriptor >= 0) closeSync(this.#descriptor);
    this.#descriptor = -1;
  }

  #count(entry: PushedEntry): void {
    this.#entries++;
    this.#declaredBytes += entry.sizeBytes;
    if (this.#entries > this.#limits.maxEntries) {
      throw new InvalidArgumentError(
        `Cannot unpack layer: it has more than ${this.#limits.maxEntries} entries`,
      );
    }
    if (this.#declaredBytes > this.#limits.maxUnpackedBytes) {
      throw new InvalidArgumentError(
        `Cannot unpack layer: its files take more than ${this.#limits.maxUnpackedBytes} bytes`,
      );
    }
    this.#uncheckedBytes += entry.sizeBytes;
    if (this.#uncheckedBytes < FREE_CHECK_BYTES) return;
    this.#uncheckedBytes = entry.sizeBytes;
    const free = this.#syscalls.freeBytes();
    if (free - entry.sizeBytes < this.#limits.minFreeBytes) {
      const error = new ResourceExhaustedError(
        `Cannot unpack layer: no space left on device (${free} bytes free, ` +
          `the next file takes ${entry.sizeBytes})`,
      );
      throw Object.assign(error, { code: "ENOSPC" });
    }
  }

  #create(path: string, entry: PushedEntry): void {
    switch (entry.type) {
      case "directory":
        this.#directory(path, entry);
        return;
      case "file":
        this.#descriptor = this.#placed(path, () => openSync(path, CREATE, entry.mode));
        this.#unstartedBytes = 0;
        this.#current = entry;
        this.#currentPath = path;
        this.#sizeBytes += entry.sizeBytes;
        return;
      case "symbolic-link":
        this.#placed(path, () => symlinkSync(entry.linkName, path));
        this.#sizeBytes += Buffer.byteLength(entry.linkName);
        lchownSync(path, entry.uid, entry.gid);
        break;
      case "character-device":
        this.#node(path, entry, constants.S_IFCHR);
        break;
      case "block-device":
        this.#node(path, entry, constants.S_IFBLK);
        break;
      case "fifo":
        this.#node(path, entry, constants.S_IFIFO);
        break;
      case "hard-link":
        return;
    }
    this.#setXattrs(path, entry.xattrs);
    this.#syscalls.setTimes(path, entry.mtimeSeconds, entry.mtimeNanos);
  }

  #node(path: string, entry: PushedEntry, type: number): void {
    this.#placed(path, () =>
      this.#syscalls.makeNode(path, type | 0o600, entry.deviceMajor, entry.deviceMinor),
    );
    lchownSync(path, entry.uid, entry.gid);
    chmodSync(path, entry.mode);
  }

  #finishFile(entry: PushedEntry): void {
    const descriptor = this.#descriptor;
    if (entry.extents) ftruncateSync(descriptor, entry.sizeBytes);
    const isOwned = entry.uid !== 0 || entry.gid !== 0;
    // A folder of the layers below may hand its group on (set-group-ID); one of this layer gets the bit last.
    if (isOwned || !this.#isOverlay) fchownSync(descriptor, entry.uid, entry.gid);
    // a change of owner clears the set-ID bits
    if (isOwned || entry.mode & SPECIAL_BITS) fchmodSync(descriptor, entry.mode);
    if (entry.xattrs.length > 0) this.#setXattrs(this.#currentPath, entry.xattrs);
    this.#syscalls.setOpenFileTimes(descriptor, entry.mtimeSeconds, entry.mtimeNanos);
    if (this.#unstartedBytes >= START_BYTES) this.#startWriting();
    this.#descriptor = -1;
    closeSync(descriptor);
  }

  #startWriting(): void {
    this.#unstartedBytes = 0;
    this.#syscalls.startWriting(this.#descriptor);
  }

  #directory(path: string, entry: PushedEntry): void {
    this.#implied.delete(path);
    const wasWhiteout = this.#whiteouts.has(path);
    const existing = this.#tryMake(path);
    if (existing === "other") {
      this.#replace(path);
      mkdirSync(path, 0o700);
      if (wasWhiteout && this.#isOverlay) this.#markOpaque(path);
    }
    if (!this.#isOverlay) this.#made.add(path);
    this.#directories.set(path, entry);
  }

  #tryMake(path: string): "made" | "folder" | "other" {
    try {
      this.#withParents(path, () => mkdirSync(path, 0o700));
      return "made";
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
      return lstatSync(path).isDirectory() ? "folder" : "other";
    }
  }

  /** Runs `make`; makes the parents or removes what is in the way when it fails for these reasons. */
  #placed<T>(path: string, make: () => T): T {
    if (!this.#isOverlay) this.#made.add(path);
    try {
      return this.#withParents(path, make);
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
      this.#replace(path);
      return make();
    }
  }

  #withParents<T>(path: string, make: () => T): T {
    try {
      return make();
    } catch (error) {
      if (codeOf(error) !== "ENOENT") throw error;
      this.#makeParents(path);
      return make();
    }
  }

  #makeParents(path: string): void {
    const missing: string[] = [];
    for (let at = parentOf(path); at !== "/"; at = parentOf(at)) {
      if (lstatSync(at, { throwIfNoEntry: false })) break;
      missing.push(at);
    }
    for (const directory of missing.toReversed()) {
      mkdirSync(directory, 0o755);
      this.#implied.add(directory);
    }
  }

  #replace(path: string): void {
    const stat = lstatSync(path);
    this.#whiteouts.delete(path);
    if (stat.isDirectory()) {
      this.#sizeBytes -= this.#isOverlay ? treeBytes(path) : 0;
      this.#forget(path);
      rmSync(path, { recursive: true });
      return;
    }
    const countsHere = stat.nlink === 1 && (stat.isFile() || stat.isSymbolicLink());
    if (countsHere && this.#isOverlay) this.#sizeBytes -= stat.size;
    unlinkSync(path);
  }

  /** Drops what was to be set on `path` and below once all is written. */
  #forget(path: string): void {
    const below = path === "/" ? "/" : `${path}/`;
    for (const known of this.#directories.keys()) {
      if (known === path || known.startsWith(below)) this.#directories.delete(known);
    }
    for (const known of this.#implied) {
      if (known === path || known.startsWith(below)) this.#implied.delete(known);
    }
  }

  #link(path: string, target: string): void {
    if (path === target) return;
    const found = lstatSync(target, { throwIfNoEntry: false });
    if (!found) {
      throw new InvalidArgumentError(
        `hard link to ${JSON.stringify(target)}: no such file in the layer`,
      );
    }
    if (found.isDirectory()) {
      throw new InvalidArgumentError(`hard link to ${JSON.stringify(target)}: it is a directory`);
    }
    this.#placed(path, () => linkSync(target, path));
  }

  #whiteout(path: string): void {
    if (!this.#isOverlay) {
      if (this.#made.has(path)) return;
      this.#forget(path);
      rmSync(path, { recursive: true, force: true });
      return;
    }
    try {
      this.#withParents(path, () => this.#syscalls.makeNode(path, constants.S_IFCHR, 0, 0));
      this.#whiteouts.add(path);
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
      // The layer's own file hides the one below by itself; its own folder must be told to.
      if (lstatSync(path).isDirectory()) this.#markOpaque(path);
    }
  }

  #opaque(path: string): void {
    if (this.#isOverlay) {
      if (path !== "/" && this.#tryMake(path) === "made") this.#implied.add(path);
      this.#markOpaque(path);
    } else this.#emptyOfLower(path);
  }

  #emptyOfLower(path: string): void {
    if (!lstatSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
    for (const name of readdirSync(path)) {
      const child = path === "/" ? `/${name}` : `${path}/${name}`;
      if (this.#made.has(child)) this.#emptyOfLower(child);
      else rmSync(child, { recursive: true, force: true });
    }
  }

  #markOpaque(path: string): void {
    if (!this.#syscalls.setXattr(path, OPAQUE_XATTR, Buffer.from("y"))) {
      throw new InvalidArgumentError("the file system keeps no trusted extended attributes");
    }
  }

  #setXattrs(path: string, xattrs: PushedEntry["xattrs"]): void {
    for (const [name, value] of xattrs) {
      // the kernel's own marks for overlayfs, which a layer must not forge
      if (name.startsWith("trusted.")) {
        throw new InvalidArgumentError(`extended attribute "${name.slice(0, 100)}" is not allowed`);
      }
      this.#syscalls.setXattr(path, name, value);
    }
  }
}

function parentOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash <= 0 ? "/" : path.slice(0, slash);
}

function treeBytes(directory: string): number {
  let bytes = 0;
  for (const name of readdirSync(directory)) {
    const path = `${directory}/${name}`;
    const stat = lstatSync(path);
    if (stat.isDirectory()) bytes += treeBytes(path);
    else if (stat.nlink === 1 && (stat.isFile() || stat.isSymbolicLink())) bytes += stat.size;
  }
  return bytes;
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string"
    ? error.code
    : undefined;
}

/** The error for an entry that could not be written. */
function explain(name: string, cause: unknown): Error {
  if (cause instanceof ResourceExhaustedError) return cause;
  const attempt = `Cannot unpack ${JSON.stringify(name.slice(0, 200))}: `;
  const code = codeOf(cause);
  return code === "ENOSPC" || code === "EDQUOT" || code === "EMFILE" || code === "ENOMEM"
    ? new ResourceExhaustedError(attempt + messageOf(cause), { cause })
    : new InvalidArgumentError(attempt + messageOf(cause), { cause });
}
