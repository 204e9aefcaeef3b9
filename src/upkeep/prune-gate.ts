import { ConflictError } from "#base/errors.ts";

/** Lets one prune of its kind run at a time: two would count the same bytes. */
export class PruneGate {
  #isRunning = false;

  /** @throws {ConflictError} One runs, with Docker's words. */
  async run<T>(prune: () => Promise<T>): Promise<T> {
    if (this.#isRunning) throw new ConflictError("a prune operation is already running");
    this.#isRunning = true;
    try {
      return await prune();
    } finally {
      this.#isRunning = false;
    }
  }
}
