import { CancelledError } from "#base/errors.ts";
import type { WaitResult } from "./containers.ts";

interface Waiter {
  readonly until: "exit" | "removed";
  readonly resolve: (result: WaitResult) => void;
}

/** Those who wait for one container to end or to be gone. */
export class Waiters {
  readonly #waiters = new Set<Waiter>();

  get size(): number {
    return this.#waiters.size;
  }

  /**
   * In force when the call returns.
   *
   * @param signal An abort takes the waiter out and rejects with a CancelledError.
   */
  add(until: "exit" | "removed", signal: AbortSignal): Promise<WaitResult> {
    const { promise, resolve, reject } = Promise.withResolvers<WaitResult>();
    const onAbort = (): void => {
      this.#waiters.delete(waiter);
      reject(new CancelledError("Wait for a container was cancelled"));
    };
    const waiter: Waiter = {
      until,
      resolve: (result) => {
        signal.removeEventListener("abort", onAbort);
        resolve(result);
      },
    };
    if (signal.aborted) onAbort();
    else {
      this.#waiters.add(waiter);
      signal.addEventListener("abort", onAbort, { once: true });
    }
    return promise;
  }

  settleExit(result: WaitResult): void {
    this.#settle(result, (waiter) => waiter.until === "exit");
  }

  /**
   * Nothing can happen to the container any more: whoever still waits gets the code of its last exit. Not
   * why a start failed, which the starter was told: docker's client takes an error of `wait` for one of
   * the removal.
   */
  settleRemoved({ exitCode }: WaitResult): void {
    this.#settle({ exitCode }, () => true);
  }

  #settle(result: WaitResult, isMet: (waiter: Waiter) => boolean): void {
    for (const waiter of this.#waiters) {
      if (!isMet(waiter)) continue;
      this.#waiters.delete(waiter);
      waiter.resolve(result);
    }
  }
}
