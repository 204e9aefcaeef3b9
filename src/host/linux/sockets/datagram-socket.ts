import type { Clock } from "#host/clock.ts";
import type { DatagramSocket } from "#host/sockets.ts";
import { errnos, systemError } from "#host/linux/ffi/errno.ts";
import type { Libc } from "#host/linux/ffi/libc.ts";

const MSG_NOSIGNAL = 0x4000;
const FULL_PAUSE_MS = 2;

/** @param fd A connected, non-blocking AF_UNIX SOCK_DGRAM socket, closed with the result. */
export function openDatagramSocket(
  parts: { readonly libc: Libc; readonly clock: Clock },
  fd: number,
  path: string,
): DatagramSocket {
  const { libc, clock } = parts;
  let isClosed = false;
  return {
    async send(payload, signal) {
      for (;;) {
        signal.throwIfAborted();
        if (isClosed) throw systemError(`Cannot send to "${path}"`, errnos.EBADF);
        if (libc.call.send(fd, payload, payload.byteLength, MSG_NOSIGNAL) >= 0) return;
        const errno = libc.errno();
        if (errno !== errnos.EAGAIN && errno !== errnos.EINTR && errno !== errnos.ENOBUFS) {
          throw systemError(`Cannot send to "${path}"`, errno);
        }
        await clock.delay(FULL_PAUSE_MS, signal);
      }
    },
    [Symbol.dispose]() {
      if (!isClosed) libc.call.close(fd);
      isClosed = true;
    },
  };
}
