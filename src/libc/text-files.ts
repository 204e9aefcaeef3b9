import { ptr } from "bun:ffi";
import { EINTR, ENOENT, type Libc, cString, libc } from "./libc.ts";

const O_RDONLY_CLOEXEC = 0o2000000;
const F_OK = 0;

/** What a configuration file seldom exceeds; a longer one is read into a larger buffer. */
const usualBytes = 16 * 1024;

/**
 * A file's text, taken for UTF-8 (a byte order mark stays). For small files: it is read in this thread.
 *
 * @returns Undefined where there is no such file.
 * @throws The system's error, as `node:fs` words it (`code` EACCES, EISDIR, …).
 */
export function readTextFile(path: string, library: Libc = libc()): string | undefined {
  const fd = library.call.open(ptr(cString(path)), O_RDONLY_CLOEXEC, 0);
  if (fd < 0) return library.errno() === ENOENT ? undefined : readByNode(path);
  let bytes: Uint8Array | undefined;
  try {
    bytes = readToEnd(fd, library);
  } finally {
    library.call.close(fd);
  }
  // TextDecoder, as the first use of Buffer takes 0.2 ms
  return bytes ? new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes) : readByNode(path);
}

/** @returns Undefined on a failure. */
function readToEnd(fd: number, { call, errno }: Libc): Uint8Array | undefined {
  let buffer = new Uint8Array(usualBytes);
  for (let used = 0; ; ) {
    if (used === buffer.length) {
      const larger = new Uint8Array(2 * buffer.length);
      larger.set(buffer);
      buffer = larger;
    }
    const length = call.read(fd, ptr(buffer, used), buffer.length - used);
    if (length === 0) return buffer.subarray(0, used);
    if (length > 0) used += length;
    else if (errno() !== EINTR) return undefined;
  }
}

/** Reads it again by what knows the words for every failure. */
function readByNode(path: string): string {
  return process.getBuiltinModule("node:fs").readFileSync(path, "utf8");
}

/** Whether a path leads to anything. */
export function pathExists(path: string, library: Libc = libc()): boolean {
  return library.call.access(ptr(cString(path)), F_OK) === 0;
}
