/**
 * Runs pieces of work one after the other, in the order of their arrival. Each container has one: its
 * state changes only inside. Work that waits for something another piece must do (a stop waiting for
 * the exit) leaves the lane first.
 */
export class Lane {
  #tail: Promise<unknown> = Promise.resolve();

  /** A failing piece fails its own caller only. */
  run<T>(work: () => T | Promise<T>): Promise<T> {
    const result = this.#tail.then(work);
    this.#tail = result.catch(() => undefined);
    return result;
  }

  /** Resolves when all that was queued before the call is done. */
  async drained(): Promise<void> {
    await this.#tail;
  }
}
