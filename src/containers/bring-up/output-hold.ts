import { deferred } from "#base/async.ts";
import type { AttachStream } from "#runtime/runtime.ts";

/**
 * Holds back what a container writes: conmon waits for each client of its attach socket, so one that does not
 * read is like a full pipe, and a daemon that dies lets go of it without a word.
 *
 * With `StdinOnce` a client's leaving ends the container's stdin: there the one connection stays, and is read
 * to nowhere while nobody holds.
 */
export class OutputHold {
  readonly #attach: () => Promise<AttachStream>;
  readonly #stays: boolean;
  #stream: AttachStream | undefined;
  #isHeld = false;
  #released = deferred();

  constructor(attach: () => Promise<AttachStream>, stays: boolean) {
    this.#attach = attach;
    this.#stays = stays;
  }

  /** @throws What `attach` throws. One holder at a time. */
  async take(): Promise<AsyncDisposable> {
    this.#isHeld = true;
    if (!this.#stays) return await this.#attach();
    if (!this.#stream) {
      this.#stream = await this.#attach();
      void this.#drain(this.#stream);
    }
    return {
      [Symbol.asyncDispose]: async () => {
        this.#isHeld = false;
        this.#released.resolve();
        this.#released = deferred();
      },
    };
  }

  async #drain(stream: AttachStream): Promise<void> {
    await using _ = stream;
    const packets = stream.output()[Symbol.asyncIterator]();
    for (;;) {
      while (this.#isHeld) await this.#released.promise;
      const { done } = await packets.next();
      if (done === true) return;
    }
  }
}
