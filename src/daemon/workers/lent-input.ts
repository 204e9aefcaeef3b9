import { CancelledError, InternalError } from "#base/errors.ts";
import type { FilesInputHead } from "#containers/files/protocol.ts";
import { errnos, systemError } from "#host/linux/ffi/errno.ts";
import type { Libc } from "#host/linux/ffi/libc.ts";
import { receiveDescriptors } from "#host/linux/sockets/descriptor-message.ts";
import { type BodyRest, BodyRestReader } from "#http1/body-loan.ts";

/** The longest line of chunked framing, which a head may hold, is a sixteenth of it. */
const HEAD_MAX_BYTES = 64 * 1024;
const CHUNK_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;
const POLLIN = 1;
const FOR_EVER = -1;

/** A client's connection, which carries the rest of an archive. */
interface LentInput {
  readonly descriptor: number;
  readonly rest: BodyRest;
}

/** @returns What came behind the head in the same read, and what was lent. */
export function receiveInputHead(
  libc: Libc,
  socket: number,
): { readonly ahead: Buffer; readonly lent?: LentInput } {
  const data = Buffer.allocUnsafe(HEAD_MAX_BYTES);
  // the daemon sends it by one call, and waits until it can: it comes as a whole
  const { length, descriptors } = receiveDescriptors(libc, socket, { data, mostDescriptors: 1 }, 0);
  if (length < 0) throw systemError("Cannot receive an archive", libc.errno());
  const end = data.subarray(0, length).indexOf(NEWLINE);
  if (end < 0) throw new InternalError("Cannot receive an archive: its head did not come");
  const { rest } = JSON.parse(data.toString("utf8", 0, end)) as FilesInputHead;
  const ahead = data.subarray(end + 1, length);
  if (!rest) return { ahead };
  const [descriptor] = descriptors;
  if (descriptor === undefined) {
    throw new InternalError("Cannot receive an archive: its connection did not come");
  }
  return { ahead, lent: { descriptor, rest } };
}

/**
 * Hands the rest of a body on as it comes; a chunk is valid only during the call. Nothing beyond the body is read: that is
 * the daemon's.
 *
 * @throws {UnreadableRequestError} Its framing is damaged. {CancelledError} The client hung up before its end.
 */
export function readLent(libc: Libc, lent: LentInput, take: (chunk: Buffer) => void): void {
  const reader = new BodyRestReader(lent.rest);
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  for (let most = reader.mayReadBytes; most > 0; most = reader.mayReadBytes) {
    const length = receive(libc, lent.descriptor, buffer, Math.min(most, CHUNK_BYTES));
    if (length === 0) throw new CancelledError("The client hung up");
    for (const piece of reader.take(buffer.subarray(0, length))) {
      take(Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength));
    }
  }
}

/** Waits until there is something: the connection does not block, as the daemon's own end of it must not. */
function receive(libc: Libc, descriptor: number, buffer: Buffer, most: number): number {
  for (;;) {
    const length = libc.call.recv(descriptor, buffer, most, 0);
    if (length >= 0) return length;
    const errno = libc.errno();
    if (errno === errnos.ECONNRESET) return 0;
    if (errno !== errnos.EAGAIN && errno !== errnos.EINTR) {
      throw systemError("Cannot read from the client", errno);
    }
    if (errno === errnos.EAGAIN) waitForInput(libc, descriptor);
  }
}

function waitForInput(libc: Libc, descriptor: number): void {
  const poll = Int32Array.of(descriptor, POLLIN); // struct pollfd
  if (libc.call.poll(poll, 1, FOR_EVER) >= 0) return;
  const errno = libc.errno();
  if (errno !== errnos.EINTR) throw systemError("Cannot wait for the client", errno);
}
