import { type Library, dlopen, read } from "bun:ffi";
import { InternalError } from "#base/errors.ts";

// Results are counts and descriptors far below 2^31: read as `i32` they stay plain numbers.
const declarations = {
  __errno_location: { args: [], returns: "ptr" },
  access: { args: ["ptr", "i32"], returns: "i32" },
  close: { args: ["i32"], returns: "i32" },
  ioctl: { args: ["i32", "u64", "ptr"], returns: "i32" },
  isatty: { args: ["i32"], returns: "i32" },
  localtime_r: { args: ["ptr", "ptr"], returns: "ptr" },
  open: { args: ["ptr", "i32", "u32"], returns: "i32" },
  poll: { args: ["ptr", "u64", "i32"], returns: "i32" },
  read: { args: ["i32", "ptr", "u64"], returns: "i32" },
  tcgetattr: { args: ["i32", "ptr"], returns: "i32" },
  tcsetattr: { args: ["i32", "i32", "ptr"], returns: "i32" },
  tzset: { args: [], returns: "void" },
  write: { args: ["i32", "ptr", "u64"], returns: "i32" },
} as const;

type Symbols = Library<typeof declarations>["symbols"];

/** The C library's functions as they are: -1 on failure, then `errno()` says why. Tests give others. */
export interface Libc {
  readonly call: {
    readonly [Name in keyof Symbols]: (
      ...words: Parameters<Symbols[Name]>
    ) => ReturnType<Symbols[Name]>;
  };
  /** `errno` of this thread; to be read straight after the call that failed. */
  errno(): number;
}

/** The numbers that callers decide by; the same on every Linux but alpha, mips and sparc. */
export const ENOENT: number = 2;
export const EINTR: number = 4;
export const EAGAIN: number = 11;
export const EPIPE: number = 32;

let opened: Libc | undefined; // opened once; a handle to the library, no state

/** The C library, loaded at the first call. */
export function libc(): Libc {
  opened ??= openLibc();
  return opened;
}

function openLibc(): Libc {
  const call = openLibrary().symbols;
  const location = call.__errno_location();
  if (location === null)
    throw new InternalError("Cannot find errno: the C library gave no address");
  return { call, errno: () => read.i32(location, 0) };
}

function openLibrary(): Library<typeof declarations> {
  try {
    return dlopen("libc.so.6", declarations); // glibc
  } catch {
    return dlopen(
      `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`,
      declarations,
    );
  }
}

/** `text` as C wants it: UTF-8 bytes and a zero. Keep a reference while the pointer is in use. */
export function cString(text: string): Uint8Array {
  return new TextEncoder().encode(`${text}\0`);
}
