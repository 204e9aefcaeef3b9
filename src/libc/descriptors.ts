import { ptr } from "bun:ffi";
import { EAGAIN, EINTR, EPIPE, type Libc, libc } from "./libc.ts";

/** What became of a write: bytes taken, or why none was. */
export type WriteOutcome =
  | { readonly kind: "written"; readonly bytes: number }
  /** A non-blocking descriptor has no room now. */
  | { readonly kind: "full" }
  /** Whoever read it has gone. */
  | { readonly kind: "broken-pipe" };

const POLLOUT = 4;

/**
 * One write(2), which may take less than all and waits where the descriptor is a blocking one.
 *
 * @param bytes At least one.
 * @throws The system's error, as `node:fs` words it, for all that is no `WriteOutcome`.
 */
export function writeOnce(fd: number, bytes: Uint8Array, library: Libc = libc()): WriteOutcome {
  for (;;) {
    const written = library.call.write(fd, ptr(bytes), bytes.length);
    if (written >= 0) return { kind: "written", bytes: written };
    switch (library.errno()) {
      case EINTR:
        continue;
      case EAGAIN:
        return { kind: "full" };
      case EPIPE:
        return { kind: "broken-pipe" };
      default: {
        const { writeSync } = process.getBuiltinModule("node:fs");
        return { kind: "written", bytes: writeSync(fd, bytes) };
      }
    }
  }
}

/** Whether a descriptor takes bytes now, of a pipe at least `PIPE_BUF`; also true where a write would fail. */
export function isWritable(fd: number, library: Libc = libc()): boolean {
  return pollForWriting(fd, 0, library) > 0;
}

/** Waits until a descriptor takes bytes or fails; nothing else happens in this thread meanwhile. */
export function waitUntilWritable(fd: number, library: Libc = libc()): void {
  while (pollForWriting(fd, -1, library) < 0 && library.errno() === EINTR);
}

function pollForWriting(fd: number, timeoutMs: number, library: Libc): number {
  // struct pollfd: the descriptor in 32 bits, then 16 bits of events asked for and 16 of those seen
  const pollfd = new Int32Array([fd, POLLOUT]);
  return library.call.poll(ptr(pollfd), 1, timeoutMs);
}
