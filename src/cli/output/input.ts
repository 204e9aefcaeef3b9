import { isTerminal } from "#libc/terminals.ts";

/** Where a command reads: standard input, or fixed bytes in tests. */
export interface Input {
  readonly isTerminal: boolean;
  /** Descriptor for terminal calls; undefined in tests. */
  readonly fd: number | undefined;
  /** The bytes as they come, at most 256 KiB at a time; reads on only when asked for more. */
  chunks(): AsyncIterable<Uint8Array>;
}

const chunkBytes = 256 * 1024;
/** What is shorter, as all that is typed, is copied rather than given a buffer of its own. */
const shortBytes = 16 * 1024;

export class FdInput implements Input {
  readonly fd: number;
  #isTerminal: boolean | undefined;

  constructor(fd: number) {
    this.fd = fd;
  }

  get isTerminal(): boolean {
    this.#isTerminal ??= isTerminal(this.fd);
    return this.#isTerminal;
  }

  /** A pending read does not hold up the process's end: it ends by process.exit. */
  async *chunks(): AsyncGenerator<Uint8Array> {
    let buffer = Buffer.allocUnsafe(chunkBytes);
    for (;;) {
      const length = await this.#read(buffer);
      if (length === 0) return;
      if (length < 0) continue;
      const bytes = buffer.subarray(0, length);
      if (length <= shortBytes) yield Buffer.from(bytes);
      else {
        yield bytes;
        buffer = Buffer.allocUnsafe(chunkBytes);
      }
    }
  }

  /** @returns Bytes read; 0 at the end; -1 when a non-blocking descriptor had none and we waited. */
  async #read(buffer: Uint8Array): Promise<number> {
    const { read } = await import("node:fs"); // few commands read their input
    return new Promise((resolve, reject) => {
      read(this.fd, buffer, 0, buffer.length, null, (error, length) => {
        if (!error) return resolve(length);
        if (error.code === "EAGAIN") return setTimeout(() => resolve(-1), 5);
        if (error.code === "EIO") return resolve(0); // the terminal has hung up
        reject(error);
      });
    });
  }
}
