import {
  type BigIntStats,
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  readSync,
} from "node:fs";
import { childrenOf, joinBytes, orIfGone, TreePacker } from "#host/archive/pack-tree.ts";
import type { ArchiveSyscalls } from "#host/archive/syscalls.ts";
import type { LayerTree } from "#builder/files/protocol.ts";
import type { ChangedTree } from "#containers/files/protocol.ts";
import { systemError } from "#host/linux/ffi/errno.ts";
import { cString, type Libc } from "#host/linux/ffi/libc.ts";
import { OverlayMounter } from "#host/linux/mounts/overlay.ts";
import { JsThread } from "#host/linux/thread.ts";
import { changeRoot, dropRights, enterNamespace, moveMount, openTree } from "./container-view.ts";

/*
 * What a container changed of its image, found by a walk through its writable layer alone where overlayfs
 * keeps that apart. Each file there is held against the layers below, as Docker does: kind, mode, owner,
 * device, size, time of change, attributes; of folders neither size nor time. A folder is changed as well
 * when something in it is.
 *
 * This process sees nothing but the two trees, as /new and /old: a link that a running container puts in
 * place of a folder meanwhile leads nowhere.
 */

const NEW = Buffer.from("/new");
const OLD = Buffer.from("/old");
const OPAQUE_XATTR = "trusted.overlay.opaque";
/** What fuse-overlayfs puts into an opaque folder beside the attribute, or in its place. */
const OPAQUE_FILE = Buffer.from(".wh..wh..opq");
const CHUNK_CHARACTERS = 64 * 1024;
const COMPARED_BYTES = 256 * 1024;

/** What the engine or the runtime makes in each container's root, where the image has nothing there. */
const ENGINE_FOLDERS: ReadonlySet<string> = new Set([
  "/dev",
  "/dev/pts",
  "/dev/shm",
  "/etc",
  "/proc",
  "/sys",
]);
const ENGINE_FILES: ReadonlySet<string> = new Set([
  "/.dockerenv",
  "/dev/console",
  "/etc/hostname",
  "/etc/hosts",
  "/etc/resolv.conf",
]);
const MOUNTS_LINK = "/etc/mtab";

/** Docker's numbers. */
const KINDS = { modified: 0, added: 1, deleted: 2 } as const;

export interface Change {
  readonly kind: keyof typeof KINDS;
  /** From the container's root, with its slash. */
  readonly path: Buffer;
  /** As it is now; of what was deleted as it was. */
  readonly stats: BigIntStats;
}

export interface WalkOptions {
  readonly form: ChangedTree["form"];
  /** The writable layer, or all files of "merged". */
  readonly fresh: Buffer;
  /** What it stands on, as one tree; where there is none, a folder that is empty or missing. */
  readonly old: Buffer;
  /** What the engine makes in a container's root counts like all else. */
  readonly hasEngineFiles?: boolean;
  readonly syscalls: Pick<ArchiveSyscalls, "xattrs">;
  /** Tells of each file of the writable layer, be it found equal: its time may have been set back. */
  readonly isThorough: boolean;
  /**
   * Files with the status of the old ones are held against them once more. "inode": both trees are overlayfs's, of layers on
   * one file system, whose inode numbers it shows as they are.
   */
  readonly sameness?: LayerTree["sameness"];
  /** Files that are newer have this time in an archive. */
  readonly latestSeconds?: number;
  /** Attributes other than capabilities are not packed. */
  readonly hasCapabilitiesOnly?: boolean;
}

/** Makes the two trees of `tree` this thread's root, for good. */
export function enterTree(libc: Libc, tree: ChangedTree): void {
  enterNamespace(libc);
  const fresh = mustOpen(libc, tree.directory);
  const single = tree.lowerDirectories.length === 1 ? tree.lowerDirectories[0] : undefined;
  const old = single === undefined ? undefined : mustOpen(libc, single);
  const type = cString("tmpfs");
  const options = cString("mode=700,size=64k");
  const { mountPoint } = tree;
  if (libc.call.mount(type, cString(mountPoint), type, 0, options) !== 0) {
    throw systemError(`Cannot mount on "${mountPoint}"`, libc.errno());
  }
  mkdirSync(`${mountPoint}/new`);
  mkdirSync(`${mountPoint}/old`);
  move(libc, fresh, `${mountPoint}/new`);
  if (old !== undefined) move(libc, old, `${mountPoint}/old`);
  else if (tree.lowerDirectories.length > 1) {
    new OverlayMounter({ libc, thread: new JsThread({ libc }) }).mount({
      target: `${mountPoint}/old`,
      lowerDirs: tree.lowerDirectories,
    });
  }
  changeRoot(libc, mustOpen(libc, mountPoint), mountPoint);
  // reading overlayfs's own attributes takes the right to administer
  if (tree.form === "merged") dropRights(libc);
}

function mustOpen(libc: Libc, path: string): number {
  const descriptor = openTree(libc, path);
  if (descriptor < 0) throw systemError(`Cannot open "${path}"`, libc.errno());
  return descriptor;
}

function move(libc: Libc, descriptor: number, target: string): void {
  if (moveMount(libc, descriptor, target, 0) !== 0) {
    throw systemError(`Cannot mount on "${target}"`, libc.errno());
  }
}

/** The body of `GET /containers/{id}/changes`. */
export function* changesJson(
  form: ChangedTree["form"],
  syscalls: Pick<ArchiveSyscalls, "xattrs">,
): Generator<Uint8Array> {
  let text = "";
  let isFirst = true;
  const options = { form, syscalls, isThorough: false, fresh: NEW, old: OLD };
  for (const { kind, path } of changesOf(options)) {
    text += `${isFirst ? "[" : ","}${JSON.stringify({ Path: path.toString("utf8"), Kind: KINDS[kind] })}`;
    isFirst = false;
    if (text.length < CHUNK_CHARACTERS) continue;
    yield Buffer.from(text);
    text = "";
  }
  yield Buffer.from(`${text}${isFirst ? "null" : "]"}\n`);
}

/** The changes as an image layer's tar, deletions as `.wh.` files. */
export function* packChanges(
  form: ChangedTree["form"],
  syscalls: Pick<ArchiveSyscalls, "xattrs">,
): Generator<Uint8Array> {
  yield* packTreeChanges({ form, syscalls, isThorough: true, fresh: NEW, old: OLD });
}

/** @param onItem Told of each file and folder that goes into the archive. */
export function* packTreeChanges(
  options: WalkOptions,
  onItem: (stats: BigIntStats) => void = () => {},
): Generator<Uint8Array> {
  const { syscalls, latestSeconds, hasCapabilitiesOnly = false } = options;
  const packer = new TreePacker({
    syscalls,
    reusesBuffer: true,
    hasCapabilitiesOnly,
    ...(latestSeconds === undefined ? {} : { latestSeconds }),
  });
  for (const { kind, path, stats } of changesOf(options)) {
    const name = path.subarray(1);
    if (kind === "deleted") {
      const slash = name.lastIndexOf(0x2f) + 1;
      const parts = [name.subarray(0, slash), Buffer.from(".wh."), name.subarray(slash)];
      yield* packer.marker(Buffer.concat(parts), stats);
      continue;
    }
    onItem(stats);
    yield* packer.item({ path: inNew(options, path), name, stats });
  }
  yield* packer.finish();
}

/** A folder whose content is being looked at. */
interface Level {
  readonly path: Buffer;
  readonly change: Change;
  /** Whether it was told of, or need not be. */
  isTold: boolean;
  /** Where the layers below have a folder too. */
  readonly hasOld: boolean;
  /** What the layers below have in it, and it has not, is deleted. */
  readonly isCut: boolean;
  readonly names: Buffer[];
  /**
   * Those that only the layers below list. They are not looked up: fuse-overlayfs finds by its name what a folder that took
   * the place of another hides.
   */
  readonly gone: ReadonlySet<Buffer>;
}

/** In the order of paths, each folder before what is in it. */
function* changesOf(options: WalkOptions): Generator<Change> {
  const root = Buffer.alloc(0);
  const rootChange: Change = {
    kind: "modified",
    path: root,
    stats: lstatSync(options.fresh, { bigint: true }),
  };
  const isCut = options.form === "merged" || isOpaque(options, root);
  const levels: Level[] = [openLevel(options, rootChange, { isTold: true, hasOld: true, isCut })];
  for (let level = levels.at(-1); level; level = levels.at(-1)) {
    const name = level.names.pop();
    if (!name) {
      levels.pop();
      continue;
    }
    const found = look(options, level, joinBytes(level.path, name), level.gone.has(name));
    if (!found) continue;
    if (found.isChange) {
      for (const above of levels) {
        if (!above.isTold) yield above.change;
        above.isTold = true;
      }
      yield found.change;
    }
    if (found.inside) {
      levels.push(openLevel(options, found.change, { ...found.inside, isTold: found.isChange }));
    }
  }
}

type Inside = Pick<Level, "hasOld" | "isCut">;

function openLevel(
  options: WalkOptions,
  change: Change,
  inside: Inside & { readonly isTold: boolean },
): Level {
  const { path } = change;
  const own = childrenOf(inNew(options, path)).filter((name) => !name.equals(OPAQUE_FILE));
  const gone = new Set<Buffer>();
  if (inside.hasOld && inside.isCut) {
    const known = new Set(own.map((name) => name.toString("latin1")));
    for (const name of childrenOf(inOld(options, path))) {
      if (!known.has(name.toString("latin1"))) gone.add(name);
    }
  }
  const sorted = [...own, ...gone].toSorted(Buffer.compare);
  return { path, change, ...inside, names: sorted.reverse(), gone };
}

function look(
  options: WalkOptions,
  level: Level,
  path: Buffer,
  isGone: boolean,
): { readonly change: Change; readonly isChange: boolean; readonly inside?: Inside } | undefined {
  const stats = isGone ? undefined : statOf(inNew(options, path));
  const old = level.hasOld ? statOf(inOld(options, path)) : undefined;
  if (!stats || (options.form === "overlay" && isWhiteout(stats))) {
    return old && { change: { kind: "deleted", path, stats: old }, isChange: true };
  }
  const change: Change = { kind: old ? "modified" : "added", path, stats };
  if (!stats.isDirectory()) {
    // also where it took the place of a link or a device of the image
    const mayBeEngines = options.hasEngineFiles !== true && !old?.isFile();
    if (mayBeEngines && isEnginesFile(options, path, stats)) return undefined;
    const isAll = options.isThorough && options.form === "overlay";
    const isChange =
      !old || isAll || differs(options, path, stats, old) || !isSameFile(options, path, stats, old);
    return { change, isChange };
  }
  const isCut = level.isCut || isOpaque(options, path);
  const isEngines =
    options.hasEngineFiles !== true &&
    !old?.isDirectory() &&
    ENGINE_FOLDERS.has(path.toString("latin1"));
  const isChange = !isEngines && (!old || differs(options, path, stats, old));
  return { change, isChange, inside: { hasOld: old?.isDirectory() === true, isCut } };
}

function differs(
  options: WalkOptions,
  path: Buffer,
  stats: BigIntStats,
  old: BigIntStats,
): boolean {
  if (
    stats.mode !== old.mode ||
    stats.uid !== old.uid ||
    stats.gid !== old.gid ||
    stats.rdev !== old.rdev
  ) {
    return true;
  }
  const isSame = stats.isDirectory() || (stats.mtimeNs === old.mtimeNs && stats.size === old.size);
  return (
    !isSame ||
    xattrsText(options, inNew(options, path)) !== xattrsText(options, inOld(options, path))
  );
}

/** Of files with the same status. */
function isSameFile(
  options: WalkOptions,
  path: Buffer,
  stats: BigIntStats,
  old: BigIntStats,
): boolean {
  if (options.sameness === undefined) return true;
  if (options.sameness === "inode") return stats.ino === old.ino;
  if (stats.isSymbolicLink()) {
    const [now, before] = [inNew(options, path), inOld(options, path)].map((one) =>
      readlinkSync(one, { encoding: "buffer" }),
    );
    return now !== undefined && before !== undefined && now.equals(before);
  }
  return !stats.isFile() || hasSameBytes(inNew(options, path), inOld(options, path));
}

/** Of files of one size. */
function hasSameBytes(one: Buffer, other: Buffer): boolean {
  using open = new DisposableStack();
  const [first, second] = [one, other].map((path) => {
    const descriptor = open.adopt(openSync(path, "r"), closeSync);
    const buffer = Buffer.allocUnsafe(COMPARED_BYTES);
    return () => buffer.subarray(0, readSync(descriptor, buffer));
  });
  for (;;) {
    const [left, right] = [first?.(), second?.()];
    if (!left || !right || !left.equals(right)) return false;
    if (left.length === 0) return true;
  }
}

function xattrsText(options: WalkOptions, path: Buffer): string {
  const xattrs = options.syscalls.xattrs(
    path,
    (name) => name === "security.capability" || name.startsWith("user."),
  );
  return [...xattrs]
    .map(([name, value]) => `${name}=${Buffer.from(value).toString("hex")}`)
    .toSorted()
    .join();
}

/** overlayfs.rst, "whiteouts and opaque directories". */
function isWhiteout(stats: BigIntStats): boolean {
  return stats.isCharacterDevice() && stats.rdev === 0n;
}

function isOpaque(options: WalkOptions, path: Buffer): boolean {
  if (options.form === "merged") return true;
  const found = options.syscalls.xattrs(inNew(options, path), (name) => name === OPAQUE_XATTR);
  const value = found.get(OPAQUE_XATTR);
  if (value !== undefined && Buffer.from(value).toString("latin1").startsWith("y")) return true;
  return statOf(inNew(options, joinBytes(path, OPAQUE_FILE))) !== undefined;
}

function isEnginesFile(options: WalkOptions, path: Buffer, stats: BigIntStats): boolean {
  const text = path.toString("latin1");
  if (ENGINE_FILES.has(text)) return stats.isFile() && stats.size === 0n;
  if (text !== MOUNTS_LINK || !stats.isSymbolicLink()) return false;
  return orIfGone(() => readlinkSync(inNew(options, path)), "") === "/proc/mounts";
}

function statOf(path: Buffer): BigIntStats | undefined {
  return orIfGone(() => lstatSync(path, { bigint: true }), undefined);
}

function inNew({ fresh }: WalkOptions, path: Buffer): Buffer {
  return Buffer.concat([fresh, path]);
}

function inOld({ old }: WalkOptions, path: Buffer): Buffer {
  return Buffer.concat([old, path]);
}
