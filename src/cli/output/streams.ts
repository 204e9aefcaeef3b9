import { isWritable, waitUntilWritable, writeOnce } from "#libc/descriptors.ts";
import { type WindowSize, isTerminal, readWindowSize } from "#libc/terminals.ts";
import { CancelledError } from "#base/errors.ts";

/** Where a command prints: standard output or error, or a buffer in tests. */
export interface Output {
  /** Writes all of it before it returns. For text of a bounded size. */
  write(data: string | Uint8Array): void;
  /** For streams: resolves when the reader has taken all of it, so a slow reader slows the source. */
  pump(data: Uint8Array): Promise<void>;
  readonly isTerminal: boolean;
  /** Undefined where there is no terminal, or it does not say. */
  windowSize(): WindowSize | undefined;
}

/** The reader of our output has gone (`wharf ps | head -1`): the process ends quietly. */
export class BrokenPipeError extends CancelledError {}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

/** What a pipe with any room takes without a wait (PIPE_BUF of Linux). */
const pipeAtomicBytes = 4096;

/** An output on a file descriptor, written without process.stdout: loading that costs 10 ms. */
export class FdOutput implements Output {
  readonly #fd: number;
  #isTerminal: boolean | undefined;

  constructor(fd: number) {
    this.#fd = fd;
  }

  get isTerminal(): boolean {
    this.#isTerminal ??= isTerminal(this.#fd);
    return this.#isTerminal;
  }

  windowSize(): WindowSize | undefined {
    return readWindowSize(this.#fd);
  }

  write(data: string | Uint8Array): void {
    let rest = typeof data === "string" ? new TextEncoder().encode(data) : data;
    while (rest.length > 0) rest = rest.subarray(this.#writeOnce(rest));
  }

  async pump(data: Uint8Array): Promise<void> {
    let rest = data;
    if (0 < rest.length && rest.length <= pipeAtomicBytes && isWritable(this.#fd)) {
      rest = rest.subarray(this.#writeOnce(rest));
    }
    while (rest.length > 0) {
      const written = await this.#writeInThread(rest);
      if (written === 0) await new Promise((resolve) => setTimeout(resolve, 2));
      rest = rest.subarray(written);
    }
  }

  /** @returns Bytes written; 0 when the descriptor had no room, and we waited for some. */
  #writeOnce(bytes: Uint8Array): number {
    const outcome = writeOnce(this.#fd, bytes);
    switch (outcome.kind) {
      case "written":
        return outcome.bytes;
      case "broken-pipe":
        throw new BrokenPipeError("output is closed");
      case "full": // another process made the shared pipe or terminal non-blocking
        waitUntilWritable(this.#fd);
        return 0;
    }
  }

  /** @returns Bytes written, however long the reader takes; 0 when a non-blocking descriptor takes none now. */
  async #writeInThread(bytes: Uint8Array): Promise<number> {
    const { write } = await import("node:fs");
    return new Promise((resolve, reject) => {
      write(this.#fd, bytes, (error, written) => {
        if (!error) return resolve(written);
        if (isErrno(error, "EAGAIN")) return resolve(0);
        const broken = isErrno(error, "EPIPE");
        reject(broken ? new BrokenPipeError("output is closed", { cause: error }) : error);
      });
    });
  }
}
