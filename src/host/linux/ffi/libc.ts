import { dlopen, type Library, read } from "bun:ffi";
import { InternalError } from "#base/errors.ts";

// Sizes and descriptors that come back are far below 2^31, so 64-bit results are read as `i32` and stay
// plain numbers.
const SYMBOLS = {
  __errno_location: { args: [], returns: "ptr" },
  bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
  chdir: { args: ["ptr"], returns: "i32" },
  clock_gettime: { args: ["i32", "ptr"], returns: "i32" },
  close: { args: ["i32"], returns: "i32" },
  connect: { args: ["i32", "ptr", "u32"], returns: "i32" },
  execve: { args: ["ptr", "ptr", "ptr"], returns: "i32" },
  fcntl: { args: ["i32", "i32", "i32"], returns: "i32" },
  fchdir: { args: ["i32"], returns: "i32" },
  flock: { args: ["i32", "i32"], returns: "i32" },
  inotify_add_watch: { args: ["i32", "ptr", "u32"], returns: "i32" },
  inotify_init1: { args: ["i32"], returns: "i32" },
  ioctl: { args: ["i32", "u64", "ptr"], returns: "i32" },
  klogctl: { args: ["i32", "ptr", "i32"], returns: "i32" },
  listen: { args: ["i32", "i32"], returns: "i32" },
  memfd_create: { args: ["ptr", "u32"], returns: "i32" },
  mount: { args: ["ptr", "ptr", "ptr", "u64", "ptr"], returns: "i32" },
  open: { args: ["ptr", "i32", "u32"], returns: "i32" },
  pipe2: { args: ["ptr", "i32"], returns: "i32" },
  usleep: { args: ["u32"], returns: "i32" },
  poll: { args: ["ptr", "u64", "i32"], returns: "i32" },
  prlimit: { args: ["i32", "i32", "ptr", "ptr"], returns: "i32" },
  read: { args: ["i32", "ptr", "u64"], returns: "i32" },
  recv: { args: ["i32", "ptr", "u64", "i32"], returns: "i32" },
  recvmsg: { args: ["i32", "ptr", "i32"], returns: "i32" },
  send: { args: ["i32", "ptr", "u64", "i32"], returns: "i32" },
  sendmsg: { args: ["i32", "ptr", "i32"], returns: "i32" },
  setns: { args: ["i32", "i32"], returns: "i32" },
  setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
  shutdown: { args: ["i32", "i32"], returns: "i32" },
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  socketpair: { args: ["i32", "i32", "i32", "ptr"], returns: "i32" },
  syscall: { args: ["i64", "i64", "i64", "i64", "i64", "i64", "i64"], returns: "i32" },
  umount2: { args: ["ptr", "i32"], returns: "i32" },
  uname: { args: ["ptr"], returns: "i32" },
  unshare: { args: ["i32"], returns: "i32" },
} as const;

/** The C library's functions as they are: -1 on failure, then `errno()` says why. */
export interface Libc {
  readonly call: Library<typeof SYMBOLS>["symbols"];
  /** `errno` of this thread; to be read straight after the call that failed. */
  errno(): number;
}

/** Flags and numbers of the kernel's headers that more than one file needs. */
export const O_CLOEXEC: number = 0o2000000;
export const O_NONBLOCK: number = 0o4000;
export const O_PATH: number = 0o10000000;
export const AT_FDCWD: number = -100;

/** Loads the C library, declared once; calls cost 0.2 µs. */
export function openLibc(): Libc {
  const call = dlopen("libc.so.6", SYMBOLS).symbols;
  const location = call.__errno_location();
  if (location === null)
    throw new InternalError("Cannot find errno: the C library gave no address");
  return { call, errno: () => read.i32(location, 0) };
}

/** `text` as C wants it: UTF-8 bytes and a zero. Keep a reference while the pointer is in use. */
export function cString(text: string): Uint8Array {
  return Buffer.from(`${text}\0`, "utf8");
}
