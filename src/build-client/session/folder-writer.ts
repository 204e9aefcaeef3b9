import {
  chmodSync,
  closeSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  rmSync,
  symlinkSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { InvalidArgumentError, UnsupportedError } from "#base/errors.ts";
import { readGoMode } from "#spec/buildkit/go-file-mode.ts";
import type { FileStat } from "#spec/buildkit/session.ts";

interface OpenFile {
  readonly stat: FileStat;
  fd: number | undefined;
}

/**
 * Writes files that an engine announces into a folder, over those of the same names and beside others. Each name must be in a
 * folder that was announced before, and links are never followed: nothing is written elsewhere.
 */
export class FolderWriter implements Disposable {
  readonly #root: string;
  readonly #folders = new Map<string, FileStat>();
  readonly #files = new Map<number, OpenFile>();
  readonly #links: FileStat[] = [];
  readonly #toAsk: number[] = [];
  #nextId = 0;

  /** @param root Made where it is not there. */
  constructor(root: string) {
    this.#root = root;
    mkdirSync(root, { recursive: true });
  }

  [Symbol.dispose](): void {
    for (const { fd } of this.#files.values()) if (fd !== undefined) closeSync(fd);
    this.#files.clear();
  }

  /** Files whose content has not come to its end. */
  get openFiles(): number {
    return this.#files.size;
  }

  /** Numbers of files that are to be asked for, each once. */
  takeRequests(most: number): readonly number[] {
    return this.#toAsk.splice(0, most);
  }

  /** @throws {InvalidArgumentError} A name that is none. {UnsupportedError} A device. */
  announce(stat: FileStat): void {
    const id = this.#nextId++;
    const path = this.#placeOf(stat.path);
    const { kind, bits } = readGoMode(stat.mode);
    switch (kind) {
      case "directory":
        if (!lstatSync(path, { throwIfNoEntry: false })?.isDirectory()) {
          rmSync(path, { force: true });
          mkdirSync(path);
        }
        // until all is written
        chmodSync(path, bits | 0o700);
        this.#folders.set(stat.path, stat);
        return;
      case "symlink":
        rmSync(path, { recursive: true, force: true });
        symlinkSync(stat.linkName, path);
        setTime(path, stat);
        return;
      case "file":
        if (stat.linkName !== "") {
          this.#links.push(stat);
          return;
        }
        this.#files.set(id, { stat, fd: undefined });
        if (stat.sizeBytes > 0) this.#toAsk.push(id);
        else this.write(id, new Uint8Array());
        return;
      case "socket":
      case "pipe":
        return; // nothing that can be read again
      case "device":
        throw new UnsupportedError(`Cannot write ${stat.path}: it is a device`);
    }
  }

  /** @throws {InvalidArgumentError} Nobody asked for that. */
  write(id: number, data: Uint8Array): void {
    const file = this.#files.get(id);
    if (!file) throw new InvalidArgumentError(`file ${id} was not asked for`);
    const path = join(this.#root, file.stat.path);
    if (file.fd === undefined) {
      rmSync(path, { recursive: true, force: true });
      file.fd = openSync(path, "wx", 0o600);
    }
    for (let at = 0; at < data.byteLength; ) at += writeSync(file.fd, data, at);
    if (data.byteLength > 0) return;
    closeSync(file.fd);
    this.#files.delete(id);
    chmodSync(path, readGoMode(file.stat.mode).bits);
    setTime(path, file.stat);
  }

  /** After the last file: hard links, and what folders had waited for. */
  finish(): void {
    for (const stat of this.#links) {
      const path = join(this.#root, stat.path);
      rmSync(path, { recursive: true, force: true });
      linkSync(this.#placeOf(stat.linkName), path);
    }
    for (const [name, stat] of [...this.#folders].toReversed()) {
      const path = join(this.#root, name);
      chmodSync(path, readGoMode(stat.mode).bits);
      setTime(path, stat);
    }
  }

  #placeOf(name: string): string {
    const parts = name.split("/");
    const isName = parts.every((part) => part !== "" && part !== "." && part !== "..");
    const parent = dirname(name);
    if (!isName || name.includes("\0") || (parent !== "." && !this.#folders.has(parent))) {
      throw new InvalidArgumentError(`The engine sent a file called ${JSON.stringify(name)}`);
    }
    return join(this.#root, name);
  }
}

const NANOS_PER_MICROSECOND = 1000n;

function setTime(path: string, { modifiedNanos }: FileStat): void {
  const seconds = Number(modifiedNanos / NANOS_PER_MICROSECOND) / 1e6;
  lutimesSync(path, seconds, seconds);
}
