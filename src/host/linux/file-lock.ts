import { closeSync, openSync } from "node:fs";
import { errnos, systemError } from "./ffi/errno.ts";
import type { Libc } from "./ffi/libc.ts";
import { OwnedDescriptor } from "./sockets/owned-descriptor.ts";

const LOCK_EX_NB = 2 | 4;

/**
 * Takes the lock of a file, made when absent; it is gone with its process.
 *
 * @returns Undefined when another process has it.
 */
export function lockFile(libc: Libc, path: string): Disposable | undefined {
  const fd = openSync(path, "a+", 0o600);
  if (libc.call.flock(fd, LOCK_EX_NB) === 0) {
    return new OwnedDescriptor(libc, fd, `the lock of "${path}"`);
  }
  const errno = libc.errno();
  closeSync(fd);
  if (errno === errnos.EWOULDBLOCK) return undefined;
  throw systemError(`Cannot lock "${path}"`, errno);
}
