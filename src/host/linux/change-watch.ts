import { systemError } from "./ffi/errno.ts";
import { cString, type Libc, O_CLOEXEC, O_NONBLOCK } from "./ffi/libc.ts";

const IN_MODIFY = 0x2;
const IN_ATTRIB = 0x4;
const IN_MOVE_SELF = 0x800;
const IN_Q_OVERFLOW = 0x4000;
const IN_ONESHOT = 0x80000000 | 0;
const HEADER_BYTES = 16;

/** What is used of the stream's reader, whose type Bun and the DOM declare differently. */
interface ByteReader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
  cancel(): Promise<void>;
}

/**
 * Tells of the next change to a file, once: while nobody waits, a file that is written without rest costs
 * nothing. One inotify instance serves all (a user has but 128 of them).
 */
export class ChangeWatch implements Disposable {
  readonly #libc: Libc;
  readonly #waiting = new Map<number, Set<() => void>>();
  #fd: number | undefined;
  /** Of a copy of the descriptor that Bun makes. */
  #reader: ByteReader | undefined;

  constructor(libc: Libc) {
    this.#libc = libc;
  }

  /** @see Files.onceChanged */
  onceChanged(path: string, onChange: () => void): Disposable {
    const fd = this.#descriptor();
    const mask = IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF | IN_ONESHOT;
    const watch = this.#libc.call.inotify_add_watch(fd, cString(path), mask);
    if (watch < 0) throw systemError(`Cannot watch "${path}"`, this.#libc.errno());
    const waiting = this.#waiting.get(watch) ?? new Set();
    this.#waiting.set(watch, waiting);
    const entry = (): void => onChange();
    waiting.add(entry);
    return { [Symbol.dispose]: () => void waiting.delete(entry) };
  }

  #descriptor(): number {
    if (this.#fd !== undefined) return this.#fd;
    const fd = this.#libc.call.inotify_init1(O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) throw systemError("Cannot watch files", this.#libc.errno());
    this.#fd = fd;
    void this.#deliver(fd).catch((error: unknown) => reportError(error));
    return fd;
  }

  async #deliver(fd: number): Promise<void> {
    const reader: ByteReader = Bun.file(fd).stream().getReader();
    this.#reader = reader;
    for (;;) {
      const { done, value } = await reader.read();
      if (done || value === undefined) return;
      const events = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
      for (let at = 0; at + HEADER_BYTES <= events.length; ) {
        const mask = events.readUInt32LE(at + 4);
        if ((mask & IN_Q_OVERFLOW) !== 0) this.#tellAll();
        else this.#tell(events.readInt32LE(at));
        at += HEADER_BYTES + events.readUInt32LE(at + 12);
      }
    }
  }

  #tell(watch: number): void {
    const waiting = this.#waiting.get(watch);
    if (!waiting) return;
    this.#waiting.delete(watch);
    for (const onChange of waiting) onChange();
  }

  /** The kernel's queue ran over: who is told of no change looks once for nothing. */
  #tellAll(): void {
    for (const watch of this.#waiting.keys()) this.#tell(watch);
  }

  [Symbol.dispose](): void {
    const fd = this.#fd;
    if (fd === undefined) return;
    this.#fd = undefined;
    this.#waiting.clear();
    void this.#reader?.cancel();
    this.#libc.call.close(fd);
  }
}
