import { write as writeFile, writeSync } from "node:fs";
import { type WindowSize, isTerminal, readWindowSize } from "#cli/terminal/tty-calls.ts";
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
    while (rest.length > 0) {
      try {
        rest = rest.subarray(writeSync(this.#fd, rest));
      } catch (error) {
        if (isErrno(error, "EPIPE"))
          throw new BrokenPipeError("output is closed", { cause: error });
        if (!isErrno(error, "EAGAIN")) throw error;
        // Another process made the shared pipe or terminal non-blocking: wait for its reader.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
      }
    }
  }

  async pump(data: Uint8Array): Promise<void> {
    let rest = data;
    while (rest.length > 0) {
      const written = await this.#writeOnce(rest);
      if (written === 0) await new Promise((resolve) => setTimeout(resolve, 2));
      rest = rest.subarray(written);
    }
  }

  /** @returns Bytes written; 0 when a non-blocking descriptor takes none now. */
  #writeOnce(bytes: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      writeFile(this.#fd, bytes, (error, written) => {
        if (!error) return resolve(written);
        if (isErrno(error, "EAGAIN")) return resolve(0);
        const broken = isErrno(error, "EPIPE");
        reject(broken ? new BrokenPipeError("output is closed", { cause: error }) : error);
      });
    });
  }
}
