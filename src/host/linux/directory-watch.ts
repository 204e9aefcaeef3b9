import { systemError } from "./ffi/errno.ts";
import { cString, type Libc, O_CLOEXEC, O_NONBLOCK } from "./ffi/libc.ts";
import { OwnedDescriptor } from "./sockets/owned-descriptor.ts";

const IN_CLOSE_WRITE = 0x8;
const IN_MOVED_TO = 0x80;
const IN_Q_OVERFLOW = 0x4000;
const IN_ONLYDIR = 0x01000000;
const HEADER_BYTES = 16;

/** One event as inotify(7) writes it. */
export interface InotifyEvent {
  readonly mask: number;
  readonly name: string;
}

/**
 * Parses what one read of an inotify descriptor gave: whole events, each a header of four 32-bit numbers
 * (watch, mask, cookie, length of the name) and the name, filled up with zeros.
 */
export function parseInotifyEvents(bytes: Uint8Array): InotifyEvent[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const events: InotifyEvent[] = [];
  for (let at = 0; at + HEADER_BYTES <= buffer.length; ) {
    const mask = buffer.readUInt32LE(at + 4);
    const nameBytes = buffer.readUInt32LE(at + 12);
    const name = buffer.toString("utf8", at + HEADER_BYTES, at + HEADER_BYTES + nameBytes);
    events.push({ mask, name: name.replace(/\0+$/, "") });
    at += HEADER_BYTES + nameBytes;
  }
  return events;
}

/** @see Files.watchDirectory */
export function watchDirectory(
  libc: Libc,
  directory: string,
  onName: (name: string) => void,
  onLost: () => void,
): Disposable {
  const attempt = `Cannot watch folder "${directory}"`;
  const fd = libc.call.inotify_init1(O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) throw systemError(attempt, libc.errno());
  const mask = IN_CLOSE_WRITE | IN_MOVED_TO | IN_ONLYDIR;
  if (libc.call.inotify_add_watch(fd, cString(directory), mask) < 0) {
    const errno = libc.errno();
    libc.call.close(fd);
    throw systemError(attempt, errno);
  }
  // Bun's event loop polls the descriptor; a read gives whole events only.
  const reader = Bun.file(fd).stream().getReader();
  const reading = deliver(reader, onName, onLost).catch((error: unknown) => {
    reportError(error);
  });
  const descriptor = new OwnedDescriptor(libc, fd, `the watch of folder "${directory}"`);
  return {
    [Symbol.dispose]: () => {
      void reader.cancel().then(() => reading);
      descriptor[Symbol.dispose]();
    },
  };
}

async function deliver(
  reader: { read(): Promise<{ done: boolean; value?: Uint8Array | undefined }> },
  onName: (name: string) => void,
  onLost: () => void,
): Promise<void> {
  for (;;) {
    const { done, value } = await reader.read();
    if (done || value === undefined) return;
    for (const { mask, name } of parseInotifyEvents(value)) {
      if ((mask & IN_Q_OVERFLOW) !== 0) onLost();
      else if (name !== "") onName(name);
    }
  }
}
