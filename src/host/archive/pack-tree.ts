import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
} from "node:fs";
import { type IdMappings, toContainerId } from "#base/id-mappings.ts";
import { BLOCK_BYTES, type TarEntryType, tarHeader, type TarHeader } from "#base/tar/header.ts";
import { encodeTarHeader, tarTrailer } from "#base/tar/writer.ts";
import type { ArchiveSyscalls } from "./syscalls.ts";

const CHUNK_BYTES = 1024 * 1024;
const OPEN = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;
const SLASH = 0x2f;
const SLASH_BYTES = Buffer.from("/");
const ZEROS = Buffer.alloc(BLOCK_BYTES);
const CAPABILITY = "security.capability";

/** What goes into an archive: a file or a folder with all below it. */
export interface PackRoot {
  /** Absolute, as bytes: names need not be UTF-8. */
  readonly path: Uint8Array;
  /** Its name in the archive; what is below gets `<name>/` before its own. Empty: `/x`, as for a root. */
  readonly name: Uint8Array;
  /** Leaves the root itself out, and the slash before what is below it. */
  readonly isContentOnly?: boolean;
}

export interface PackOptions {
  readonly syscalls: Pick<ArchiveSyscalls, "xattrs">;
  /** What owners on the host are called in the archive; as they are when absent. */
  readonly mappings?: IdMappings | undefined;
  /** Chunks share one buffer: each must be consumed before the next is asked for. */
  readonly reusesBuffer: boolean;
  /** What is newer has this time in the archive, in seconds since 1970. */
  readonly latestSeconds?: number;
  /** As Docker's layers: of the attributes capabilities alone. */
  readonly hasCapabilitiesOnly?: boolean;
}

/** One thing to put into an archive. */
interface PackItem {
  readonly path: Buffer;
  readonly name: Buffer;
  readonly stats: BigIntStats;
}

/**
 * Writes a tree as a tar, lexically ordered, owners and modes as they are, times to the nanosecond, hard
 * links as such, sockets left out. It may change meanwhile: what vanishes is left out, a file has the size
 * that it had when it was opened (cut, or filled with zeros), and nothing is opened but regular files.
 *
 * Synchronous, for a process that does nothing else: a promise for each of 20,000 files takes longer
 * than the files.
 *
 * @throws What keeps a file that is there from being read, naming it.
 */
export function* packTree(root: PackRoot, options: PackOptions): Generator<Uint8Array> {
  const packer = new TreePacker(options);
  yield* packer.tree(root);
  yield* packer.finish();
}

/** Gathers headers and files in chunks. One generator at a time. */
export class TreePacker {
  readonly #options: PackOptions;
  /** Inode to the name it was first packed by. */
  readonly #linked = new Map<string, Buffer>();
  #chunk: Buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  #used = 0;

  constructor(options: PackOptions) {
    this.#options = options;
  }

  *tree(root: PackRoot): Generator<Uint8Array> {
    const pending: { readonly path: Buffer; readonly name: Buffer; isHidden: boolean }[] = [
      {
        path: Buffer.from(root.path),
        name: Buffer.from(root.name),
        isHidden: root.isContentOnly === true,
      },
    ];
    for (let next = pending.pop(); next; next = pending.pop()) {
      const { path, name, isHidden } = next;
      const stats = orIfGone(() => lstatSync(path, { bigint: true }), undefined);
      if (!stats) continue;
      if (!isHidden) yield* this.item({ path, name, stats });
      if (!stats.isDirectory()) continue;
      for (const child of childrenOf(path).toReversed()) {
        pending.push({
          path: joinBytes(path, child),
          name: isHidden ? child : joinBytes(name, child),
          isHidden: false,
        });
      }
    }
  }

  /** One thing without what is below it. */
  *item(item: PackItem): Generator<Uint8Array> {
    const { path, stats } = item;
    if (stats.isFile()) {
      yield* this.#file(item);
      return;
    }
    const type = typeOf(stats);
    if (type === undefined) return;
    const link =
      type === "symlink"
        ? orIfGone(() => readlinkSync(path, { encoding: "buffer" }), undefined)
        : Buffer.alloc(0);
    // EINVAL: no link any more
    if (link === undefined) return;
    yield* this.#header(this.#headerOf(item, type, { rawLinkName: link }));
  }

  /** A member that no file stands for. */
  *marker(name: Uint8Array, stats: BigIntStats): Generator<Uint8Array> {
    yield* this.#header({ ...this.#dated(headerFrom(stats, "file", name)), sizeBytes: 0 });
  }

  /** The end of the archive, and what was gathered. */
  *finish(): Generator<Uint8Array> {
    yield* this.#add(tarTrailer());
    if (this.#used > 0) yield this.#chunk.subarray(0, this.#used);
    this.#used = 0;
  }

  #headerOf(item: PackItem, type: TarEntryType, more: Partial<TarHeader>): TarHeader {
    const { mappings, syscalls, hasCapabilitiesOnly } = this.#options;
    const xattrs = syscalls.xattrs(item.path, hasCapabilitiesOnly === true ? isCapability : isKept);
    const header = this.#dated(headerFrom(item.stats, type, item.name));
    const owner = mappings && {
      uid: toContainerId(mappings.users, header.uid),
      gid: toContainerId(mappings.groups, header.gid),
    };
    return { ...header, ...owner, xattrs, ...more };
  }

  #dated(header: TarHeader): TarHeader {
    const { latestSeconds } = this.#options;
    if (latestSeconds === undefined) return header;
    const latest = BigInt(latestSeconds) * 1_000_000_000n;
    return header.mtimeNanoseconds > latest ? { ...header, mtimeNanoseconds: latest } : header;
  }

  *#file(item: PackItem): Generator<Uint8Array> {
    const { path, name } = item;
    const inode = item.stats.nlink > 1n ? `${item.stats.dev}:${item.stats.ino}` : undefined;
    const first = inode === undefined ? undefined : this.#linked.get(inode);
    if (first) {
      yield* this.#header(this.#headerOf(item, "hardlink", { rawLinkName: first }));
      return;
    }
    const descriptor = orIfGone(() => openSync(path, OPEN), undefined);
    if (descriptor === undefined) return;
    try {
      const stats = fstatSync(descriptor, { bigint: true });
      if (!stats.isFile()) return;
      const sizeBytes = Number(stats.size);
      yield* this.#header(this.#headerOf({ path, name, stats }, "file", { sizeBytes }));
      if (inode !== undefined) this.#linked.set(inode, name);
      yield* this.#body(descriptor, sizeBytes);
    } finally {
      closeSync(descriptor);
    }
  }

  *#body(descriptor: number, sizeBytes: number): Generator<Uint8Array> {
    let left = sizeBytes;
    while (left > 0) {
      if (this.#used === this.#chunk.length) yield this.#take();
      const wanted = Math.min(left, this.#chunk.length - this.#used);
      let got = readSync(descriptor, this.#chunk, this.#used, wanted, null);
      if (got === 0) {
        // it shrank since its header was written
        this.#chunk.fill(0, this.#used, this.#used + wanted);
        got = wanted;
      }
      this.#used += got;
      left -= got;
    }
    const padding = (BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES;
    if (padding === 0) return;
    const zeros = ZEROS.subarray(0, padding);
    if (!this.#tryAdd(zeros)) yield* this.#add(zeros);
  }

  *#header(header: TarHeader): Generator<Uint8Array> {
    const blocks = encodeTarHeader(header);
    if (!this.#tryAdd(blocks)) yield* this.#add(blocks);
  }

  /** Nearly all fits: a generator for each piece takes longer than the piece. @returns Whether it did. */
  #tryAdd(bytes: Uint8Array): boolean {
    if (bytes.length > this.#chunk.length - this.#used) return false;
    this.#chunk.set(bytes, this.#used);
    this.#used += bytes.length;
    return true;
  }

  *#add(bytes: Uint8Array): Generator<Uint8Array> {
    for (let at = 0; at < bytes.length; ) {
      if (this.#used === this.#chunk.length) yield this.#take();
      const part = bytes.subarray(at, at + this.#chunk.length - this.#used);
      this.#chunk.set(part, this.#used);
      this.#used += part.length;
      at += part.length;
    }
  }

  #take(): Uint8Array {
    const full = this.#chunk;
    if (!this.#options.reusesBuffer) this.#chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    this.#used = 0;
    return full;
  }
}

function headerFrom(stats: BigIntStats, type: TarEntryType, name: Uint8Array): TarHeader {
  const isDevice = type === "character-device" || type === "block-device";
  return tarHeader({
    name: Buffer.from(name).toString("utf8"),
    rawName: name,
    type,
    mode: Number(stats.mode & 0o7777n),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    mtimeNanoseconds: stats.mtimeNs,
    ...(isDevice ? deviceOf(stats.rdev) : {}),
  });
}

/** Undefined for a socket, which no archive can hold. */
function typeOf(stats: BigIntStats): TarEntryType | undefined {
  if (stats.isDirectory()) return "directory";
  if (stats.isSymbolicLink()) return "symlink";
  if (stats.isCharacterDevice()) return "character-device";
  if (stats.isBlockDevice()) return "block-device";
  return stats.isFIFO() ? "fifo" : undefined;
}

/** glibc's `gnu_dev_major` and `gnu_dev_minor`. */
function deviceOf(rdev: bigint): { readonly deviceMajor: number; readonly deviceMinor: number } {
  return {
    deviceMajor: Number(((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn)),
    deviceMinor: Number((rdev & 0xffn) | ((rdev >> 12n) & ~0xffn & 0xffffffffn)),
  };
}

/** What a program inside relies on; the rest is the kernel's or the file system's own. */
function isKept(name: string): boolean {
  return isCapability(name) || name.startsWith("user.");
}

function isCapability(name: string): boolean {
  return name === CAPABILITY;
}

/** Names in a folder in the order of their bytes; none when it is a folder no more. */
export function childrenOf(directory: Uint8Array): readonly Buffer[] {
  const path = Buffer.from(directory);
  const names = orIfGone(() => readdirSync(path, { encoding: "buffer" }), []);
  return names.toSorted(Buffer.compare);
}

export function joinBytes(parent: Uint8Array, child: Uint8Array): Buffer {
  const isSlashed = parent.at(-1) === SLASH;
  return Buffer.concat(isSlashed ? [parent, child] : [parent, SLASH_BYTES, child]);
}

/** Another process took it away, or put a link or something else there, since it was looked for. */
const GONE: ReadonlySet<unknown> = new Set(["ENOENT", "ENOTDIR", "ELOOP", "EINVAL", "ENXIO"]);

export function orIfGone<Found, Else>(look: () => Found, otherwise: Else): Found | Else {
  try {
    return look();
  } catch (error) {
    if (error instanceof Error && "code" in error && GONE.has(error.code)) return otherwise;
    throw error;
  }
}
