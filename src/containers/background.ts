import { messageOf } from "#base/errors.ts";

/** Work that nobody waits for but the engine's end: cleaning behind an answer, waits before a restart. */
export class Background implements AsyncDisposable {
  readonly #warn: (message: string) => void;
  readonly #running = new Set<Promise<void>>();
  readonly #ending = new AbortController();

  constructor(warn: (message: string) => void) {
    this.#warn = warn;
  }

  /** Aborts when the engine ends: what only waits gives up then. */
  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  /**
   * Starts `work` when the answers that are due have been written.
   *
   * @param what What fails when it fails: "Cannot clean up container abc".
   * @returns Resolves when the work is over, failed or not.
   */
  run(what: string, work: () => Promise<void>): Promise<void> {
    const running = afterAnswers()
      .then(work)
      .catch((error: unknown) => {
        this.#warn(`${what}: ${messageOf(error)}`);
      })
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
    return running;
  }

  /** Resolves when nothing runs. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    await this.settled();
  }
}

/** Two turns of the event loop: one settles the promises, the other lets the sockets be written. */
function afterAnswers(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(() => setImmediate(resolve));
  });
}
