import { dlopen, ptr, read } from "bun:ffi";
import { statfsSync } from "node:fs";
import { InternalError } from "#base/errors.ts";
import { describe, errnos, systemError } from "#host/linux/ffi/errno.ts";
import { AT_FDCWD } from "#host/linux/ffi/libc.ts";

const AT_SYMLINK_NOFOLLOW = 0x100;
const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9;
const SYNC_FILE_RANGE_WRITE = 2;
/** The kernel's XATTR_LIST_MAX and XATTR_SIZE_MAX. */
const XATTR_MAX_BYTES = 65_536;

const SYMBOLS = {
  __errno_location: { args: [], returns: "ptr" },
  chroot: { args: ["ptr"], returns: "i32" },
  futimens: { args: ["i32", "ptr"], returns: "i32" },
  lgetxattr: { args: ["ptr", "ptr", "ptr", "u64"], returns: "i32" },
  llistxattr: { args: ["ptr", "ptr", "u64"], returns: "i32" },
  lsetxattr: { args: ["ptr", "ptr", "ptr", "u64", "i32"], returns: "i32" },
  mknod: { args: ["ptr", "u32", "u64"], returns: "i32" },
  sync_file_range: { args: ["i32", "i64", "i64", "u32"], returns: "i32" },
  syncfs: { args: ["i32"], returns: "i32" },
  prctl: { args: ["i32", "u64", "u64", "u64", "u64"], returns: "i32" },
  utimensat: { args: ["i32", "ptr", "ptr", "i32"], returns: "i32" },
} as const;

/** A path as text, or as the bytes that the file system has: names need not be UTF-8. */
export type PathLike = string | Uint8Array;

/** What `node:fs` lacks for archives. Errors carry a `code`, as those of `node:fs`. */
export interface ArchiveSyscalls {
  /** mknod(2); `mode` with the type bits. */
  makeNode(path: PathLike, mode: number, major: number, minor: number): void;
  /** lsetxattr(2). @returns False where the file system has no such attribute. */
  setXattr(path: PathLike, name: string, value: Uint8Array): boolean;
  /** Extended attributes of the file itself whose name `isWanted`; none where the file system has none. */
  xattrs(path: PathLike, isWanted: (name: string) => boolean): ReadonlyMap<string, Uint8Array>;
  /** utimensat(2) of both times, not following a symbolic link. */
  setTimes(path: PathLike, seconds: number, nanos: number): void;
  setOpenFileTimes(descriptor: number, seconds: number, nanos: number): void;
  /** sync_file_range(2): has the kernel begin to write an open file to the disk, and waits for none of it. */
  startWriting(descriptor: number): void;
  /** syncfs(2) of the file system that an open file is on: waits until the disk has all of it. */
  syncFileSystem(descriptor: number): void;
  /** Bytes that the file system at `/` has left. */
  freeBytes(): number;
  /** Has the kernel end this process when the thread that started it ends. */
  endWithParent(): void;
  /** chroot(2), and into its root folder. */
  changeRoot(directory: string): void;
}

/** An error with the `code` that callers decide by, as those of `node:fs` have. */
function codedError(attempt: string, errno: number): Error {
  const error = systemError(attempt, errno);
  const code = Object.entries(errnos).find(([, number]) => number === errno)?.[0];
  return Object.assign(error, { code });
}

/** glibc's `makedev`: twelve bits of major and twenty of minor, interleaved. */
function deviceNumber(major: number, minor: number): bigint {
  const high = BigInt(major);
  const low = BigInt(minor);
  return (
    (low & 0xffn) | ((high & 0xfffn) << 8n) | ((low & ~0xffn) << 12n) | ((high & ~0xfffn) << 32n)
  );
}

function cPath(path: PathLike): Uint8Array {
  return typeof path === "string"
    ? Buffer.from(`${path}\0`, "utf8")
    : Buffer.concat([path, new Uint8Array(1)]);
}

function shown(path: PathLike): string {
  return typeof path === "string" ? path : Buffer.from(path).toString("utf8");
}

export function openArchiveSyscalls(): ArchiveSyscalls {
  const libc = dlopen("libc.so.6", SYMBOLS).symbols;
  const location = libc.__errno_location();
  if (location === null)
    throw new InternalError("Cannot find errno: the C library gave no address");
  const errno = (): number => read.i32(location, 0);
  // struct timespec[2], access then modification
  const times = new BigInt64Array(4);
  const words = new Int32Array(times.buffer);
  const timesAddress = ptr(times);
  const fillTimes = (seconds: number, nanos: number): void => {
    const high = Math.floor(seconds / 2 ** 32);
    words[0] = words[4] = seconds | 0;
    words[1] = words[5] = high;
    words[2] = words[6] = nanos;
  };
  const check = (result: number, attempt: string): void => {
    if (result !== 0) throw codedError(attempt, errno());
  };
  const buffer = Buffer.alloc(XATTR_MAX_BYTES);
  return {
    endWithParent() {
      check(libc.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0), "Cannot tie the process to its parent");
    },
    changeRoot(directory) {
      check(libc.chroot(cPath(directory)), `Cannot change root to "${directory}"`);
      process.chdir("/");
    },
    makeNode(path, mode, major, minor) {
      check(
        libc.mknod(cPath(path), mode, deviceNumber(major, minor)),
        `Cannot make node "${shown(path)}"`,
      );
    },
    setXattr(path, name, value) {
      // an empty array has no address
      const bytes = value.byteLength > 0 ? value : new Uint8Array(1);
      const result = libc.lsetxattr(cPath(path), cPath(name), bytes, value.byteLength, 0);
      if (result === 0) return true;
      const reason = errno();
      if (reason === errnos.EOPNOTSUPP) return false;
      throw codedError(`Cannot set extended attribute "${name}" of "${shown(path)}"`, reason);
    },
    xattrs(path, isWanted) {
      const found = new Map<string, Uint8Array>();
      const file = cPath(path);
      const length = libc.llistxattr(file, buffer, buffer.length);
      if (length <= 0) return found;
      const names = buffer.toString("utf8", 0, length).split("\0").slice(0, -1);
      for (const name of names) {
        if (!isWanted(name)) continue;
        const size = libc.lgetxattr(file, cPath(name), buffer, buffer.length);
        // taken away since it was listed
        if (size >= 0) found.set(name, new Uint8Array(buffer.subarray(0, size)));
      }
      return found;
    },
    setTimes(path, seconds, nanos) {
      fillTimes(seconds, nanos);
      check(
        libc.utimensat(AT_FDCWD, cPath(path), timesAddress, AT_SYMLINK_NOFOLLOW),
        `Cannot set the times of "${shown(path)}"`,
      );
    },
    setOpenFileTimes(descriptor, seconds, nanos) {
      fillTimes(seconds, nanos);
      if (libc.futimens(descriptor, timesAddress) !== 0) {
        throw codedError(`Cannot set the times of a file: ${describe(errno())}`, errno());
      }
    },
    startWriting(descriptor) {
      // where it is refused, all is left to the sync that follows
      libc.sync_file_range(descriptor, 0, 0, SYNC_FILE_RANGE_WRITE);
    },
    syncFileSystem(descriptor) {
      check(libc.syncfs(descriptor), "Cannot sync the file system");
    },
    freeBytes() {
      const stat = statfsSync("/");
      return stat.bavail * stat.bsize;
    },
  };
}
