import { errnos, systemError } from "#host/linux/ffi/errno.ts";
import { type Libc, O_CLOEXEC, O_NONBLOCK, openLibc } from "#host/linux/ffi/libc.ts";

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SUN_PATH_BYTES = 108;

/** struct sockaddr_un; a name that begins with `@` is an abstract one. */
function encodeUnixAddress(path: string): Buffer {
  const name = path.startsWith("@")
    ? Buffer.concat([Uint8Array.of(0), Buffer.from(path.slice(1))])
    : Buffer.from(`${path}\0`);
  return Buffer.concat([Uint8Array.of(AF_UNIX, 0), name]);
}

/**
 * Sends one datagram to a unix socket: how a service talks to systemd.
 *
 * @param path Absolute, or `@name` for an abstract socket; at most 107 bytes.
 * @returns False when the receiver's queue is full: nothing was sent, and nothing waited.
 * @throws A class of `base/errors.ts` by errno.
 */
export function sendDatagram(path: string, text: string, libc: Libc = openLibc()): boolean {
  const attempt = `Cannot send to the socket "${path}"`;
  const { call } = libc;
  const address = encodeUnixAddress(path);
  const fd = call.socket(AF_UNIX, SOCK_DGRAM | O_CLOEXEC | O_NONBLOCK, 0);
  if (fd < 0) throw systemError(attempt, libc.errno());
  try {
    const length = Math.min(address.length, 2 + SUN_PATH_BYTES);
    if (call.connect(fd, address, length) !== 0) throw systemError(attempt, libc.errno());
    const payload = Buffer.from(text);
    if (call.send(fd, payload, payload.length, 0) >= 0) return true;
    const errno = libc.errno();
    if (errno === errnos.EAGAIN) return false;
    throw systemError(attempt, errno);
  } finally {
    call.close(fd);
  }
}
