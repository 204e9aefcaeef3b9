import { closeSync } from "node:fs";

/** What is used of the stream's reader, whose type Bun and the DOM declare differently. */
interface ByteReader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
  cancel(): Promise<void>;
}

const MAX_LINE_BYTES = 64 * 1024;

/** Reads a pipe or socket from conmon, in the event loop, line by line. Owns the descriptor. */
export class LineReader implements AsyncDisposable {
  readonly #fd: number;
  readonly #reader: ByteReader;
  #rest: Buffer = Buffer.alloc(0);
  #isClosed = false;

  constructor(fd: number) {
    this.#fd = fd;
    this.#reader = Bun.file(fd).stream().getReader();
  }

  /** @returns Without its newline; undefined at the end of the stream, or past 64 KiB without one. */
  async readLine(): Promise<string | undefined> {
    for (;;) {
      const end = this.#rest.indexOf(0x0a);
      if (end >= 0) {
        const line = this.#rest.toString("utf8", 0, end);
        this.#rest = this.#rest.subarray(end + 1);
        return line;
      }
      if (this.#rest.length > MAX_LINE_BYTES) return undefined;
      const { done, value } = await this.#reader.read();
      if (done || value === undefined) return undefined;
      this.#rest = Buffer.concat([this.#rest, value]);
    }
  }

  /** All that is left, at most 64 KiB; the other end must be closed or closing. */
  async readRest(): Promise<string> {
    while (this.#rest.length <= MAX_LINE_BYTES) {
      const { done, value } = await this.#reader.read();
      if (done || value === undefined) break;
      this.#rest = Buffer.concat([this.#rest, value]);
    }
    return this.#rest.toString("utf8");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#reader.cancel();
    closeSync(this.#fd);
  }
}
