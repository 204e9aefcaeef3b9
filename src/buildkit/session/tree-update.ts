import {
  chmodSync,
  closeSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  rmSync,
  symlinkSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { InvalidArgumentError, ResourceExhaustedError, UnsupportedError } from "#base/errors.ts";
import type { FileStat } from "#spec/buildkit/session.ts";
import { type FileKind, readGoMode } from "#spec/buildkit/go-file-mode.ts";

/** What is known of a file in a kept tree: enough to see that the client's is another. */
export interface KnownFile {
  readonly kind: FileKind;
  readonly bits: number;
  readonly sizeBytes: number;
  /** Nanoseconds since 1970, as text: JSON has no numbers that large. */
  readonly modified: string;
  readonly linkName: string;
}

export type TreeIndex = ReadonlyMap<string, KnownFile>;

const SLASH = 0x2f;
/** Files that one tree may have. */
const MOST_FILES = 2_000_000;
const PATH_MAX_BYTES = 4096;
/** A file may grow while it is sent, as a log does; more is a client that does not tell the truth. */
const GROWTH_MAX_BYTES = 64 * 1024 * 1024;

interface OpenFile {
  readonly path: string;
  readonly known: KnownFile;
  fd: number | undefined;
  writtenBytes: number;
}

/**
 * Brings a folder up to date with what a client announces, file by file, in the order of their paths. Asks for the content
 * of what is new or has changed. Each name is checked to be in a folder that was announced before: nothing is written
 * elsewhere, whatever links the client has.
 */
export class TreeUpdate implements Disposable {
  readonly #root: string;
  readonly #old: Map<string, KnownFile>;
  readonly #next = new Map<string, KnownFile>();
  readonly #wanted = new Map<number, OpenFile>();
  readonly #links: { readonly path: string; readonly target: string; readonly known: KnownFile }[] =
    [];
  /** Folders whose times change when something in them does. */
  readonly #touched = new Set<string>();
  readonly #toAsk: number[] = [];
  readonly #onChange: () => void;
  #hasChanged = false;
  #nextId = 0;
  #lastPath = "";
  #receivedBytes = 0;

  /**
   * @param old What the folder has now.
   * @param onChange Told before the first change: from then on the folder is neither the old nor the new.
   */
  constructor(root: string, old: TreeIndex, onChange: () => void) {
    this.#root = root;
    this.#old = new Map(old);
    this.#onChange = onChange;
  }

  [Symbol.dispose](): void {
    for (const file of this.#wanted.values()) if (file.fd !== undefined) closeSync(file.fd);
    this.#wanted.clear();
  }

  #change(): void {
    if (this.#hasChanged) return;
    this.#hasChanged = true;
    this.#onChange();
  }

  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /** Files whose content has not come to its end. */
  get openFiles(): number {
    return this.#wanted.size;
  }

  /** Numbers of files that are to be asked for, each once. */
  takeRequests(most: number): readonly number[] {
    return this.#toAsk.splice(0, most);
  }

  /** @throws {InvalidArgumentError} A name that is none or stands out of order. {UnsupportedError} A device. */
  announce(stat: FileStat): void {
    const id = this.#nextId++;
    if (id >= MOST_FILES) {
      throw new ResourceExhaustedError(`The client's folder has more than ${MOST_FILES} files`);
    }
    const { path } = stat;
    this.#check(path);
    const { kind, bits } = readGoMode(stat.mode);
    if (kind === "socket") return; // nobody can copy one
    const known: KnownFile = {
      kind,
      bits,
      sizeBytes: kind === "file" ? stat.sizeBytes : 0,
      modified: String(stat.modifiedNanos),
      linkName: stat.linkName,
    };
    const before = this.#old.get(path);
    this.#old.delete(path);
    if (before && isSame(before, known) && !isHardLink(known)) {
      this.#next.set(path, known);
      return;
    }
    this.#make(id, path, known, before);
  }

  /** @throws {InvalidArgumentError} Nobody asked for that. */
  write(id: number, data: Uint8Array): void {
    const file = this.#wanted.get(id);
    if (!file)
      throw new InvalidArgumentError(`The client sent file ${id}, which was not asked for`);
    if (data.byteLength === 0) return this.#finishFile(id, file);
    file.writtenBytes += data.byteLength;
    this.#receivedBytes += data.byteLength;
    if (file.writtenBytes > file.known.sizeBytes + GROWTH_MAX_BYTES) {
      throw new InvalidArgumentError(
        `The client announced ${file.known.sizeBytes} bytes of ${JSON.stringify(file.path)} and goes on after ${file.writtenBytes}`,
      );
    }
    file.fd ??= this.#create(file.path);
    for (let at = 0; at < data.byteLength; ) at += writeSync(file.fd, data, at);
  }

  /** After the last file: removes what the client no longer has, and makes links and times. @returns What there is now. */
  finish(): TreeIndex {
    for (const path of this.#old.keys()) this.#remove(path);
    for (const { path, target, known } of this.#links) {
      if (this.#next.get(target)?.kind !== "file") {
        throw new InvalidArgumentError(
          `The client announced ${JSON.stringify(path)} as a link to ${JSON.stringify(target)}, which it does not have`,
        );
      }
      linkSync(join(this.#root, target), join(this.#root, path));
      this.#next.set(path, known);
    }
    for (const path of this.#touched) {
      const known = this.#next.get(path);
      if (known) this.#setTime(path, known);
    }
    return this.#next;
  }

  #check(path: string): void {
    const quoted = JSON.stringify(path.slice(0, 200));
    const parts = path.split("/");
    if (
      path === "" ||
      Buffer.byteLength(path) > PATH_MAX_BYTES ||
      path.includes("\0") ||
      parts.some((part) => part === "" || part === "." || part === "..")
    ) {
      throw new InvalidArgumentError(`The client announced a file called ${quoted}`);
    }
    if (this.#lastPath !== "" && comparePaths(this.#lastPath, path) >= 0) {
      throw new InvalidArgumentError(`The client announced ${quoted} out of order`);
    }
    this.#lastPath = path;
    const parent = parentOf(path);
    if (parent !== "" && this.#next.get(parent)?.kind !== "directory") {
      throw new InvalidArgumentError(`The client announced ${quoted} before its folder`);
    }
  }

  #make(id: number, path: string, known: KnownFile, before: KnownFile | undefined): void {
    const absolute = join(this.#root, path);
    this.#change();
    this.#touch(parentOf(path));
    const isKept = known.kind === "directory" && before?.kind === "directory";
    if (before && !isKept) this.#removeTree(path, before);
    switch (known.kind) {
      case "directory":
        if (!isKept) mkdirSync(absolute);
        chmodSync(absolute, known.bits);
        this.#next.set(path, known);
        this.#touch(path);
        return;
      case "symlink":
        symlinkSync(known.linkName, absolute);
        this.#next.set(path, known);
        this.#setTime(path, known);
        return;
      case "file":
        if (isHardLink(known)) {
          this.#links.push({ path, target: known.linkName, known });
          return;
        }
        this.#next.set(path, known);
        this.#wanted.set(id, { path, known, fd: undefined, writtenBytes: 0 });
        if (known.sizeBytes > 0) this.#toAsk.push(id);
        else this.write(id, new Uint8Array());
        return;
      default:
        throw new UnsupportedError(
          `Cannot take ${JSON.stringify(path)} from the client: it is a ${known.kind}; leave it out by .dockerignore`,
        );
    }
  }

  #create(path: string): number {
    return openSync(join(this.#root, path), "wx", 0o600);
  }

  #finishFile(id: number, file: OpenFile): void {
    closeSync((file.fd ??= this.#create(file.path)));
    this.#wanted.delete(id);
    chmodSync(join(this.#root, file.path), file.known.bits);
    this.#setTime(file.path, file.known);
    // one that changed meanwhile is asked for again next time
    if (file.writtenBytes !== file.known.sizeBytes) {
      this.#next.set(file.path, { ...file.known, sizeBytes: file.writtenBytes, modified: "" });
    }
  }

  #touch(path: string): void {
    if (path !== "") this.#touched.add(path);
  }

  #setTime(path: string, known: KnownFile): void {
    const seconds = Number(BigInt(known.modified || "0") / 1000n) / 1e6;
    lutimesSync(join(this.#root, path), seconds, seconds);
  }

  #remove(path: string): void {
    this.#change();
    rmSync(join(this.#root, path), { recursive: true, force: true });
    this.#touch(parentOf(path));
  }

  #removeTree(path: string, before: KnownFile): void {
    rmSync(join(this.#root, path), { recursive: true, force: true });
    if (before.kind !== "directory") return;
    const prefix = `${path}/`;
    for (const name of this.#old.keys()) if (name.startsWith(prefix)) this.#old.delete(name);
  }
}

function isHardLink({ kind, linkName }: KnownFile): boolean {
  return kind === "file" && linkName !== "";
}

function isSame(left: KnownFile, right: KnownFile): boolean {
  return (
    left.kind === right.kind &&
    left.bits === right.bits &&
    left.sizeBytes === right.sizeBytes &&
    left.modified === right.modified &&
    left.linkName === right.linkName
  );
}

function parentOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? "" : path.slice(0, slash);
}

function isLowSurrogate(code: number): boolean {
  return code >= 0xdc00 && code <= 0xdfff;
}

/** The order in which a tree is walked: names by their bytes, `a/b` before `a.b`. */
function comparePaths(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  let index = 0;
  while (index < length && left.charCodeAt(index) === right.charCodeAt(index)) index++;
  // not between the halves of one character
  if (index > 0 && isLowSurrogate(left.charCodeAt(index))) index--;
  const [x, y] = [left.codePointAt(index) ?? 0, right.codePointAt(index) ?? 0];
  if (x === y) return left.length - right.length;
  if (index === left.length || index === right.length) return left.length - right.length;
  if (x === SLASH) return -1;
  if (y === SLASH) return 1;
  return Buffer.compare(Buffer.from(left.slice(index)), Buffer.from(right.slice(index)));
}
