import { setImmediate } from "node:timers/promises";
import type { Clock } from "#host/clock.ts";

interface Timer {
  readonly atMs: number;
  readonly resolve: () => void;
}

/** Time that stands still until a test moves it. */
export class ManualClock implements Clock {
  readonly #startMs: number;
  #elapsedMs = 0;
  #timers: Timer[] = [];
  #onWait = (): void => {};

  /** @param startMs Wall clock at the start, milliseconds since the Unix epoch. */
  constructor(startMs: number = Date.UTC(2026, 0, 1)) {
    this.#startMs = startMs;
  }

  nowMs(): number {
    return this.#startMs + this.#elapsedMs;
  }

  nowNanos(): bigint {
    return BigInt(Math.round(this.nowMs() * 1000)) * 1000n;
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  delay(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const timer = { atMs: this.#elapsedMs + Math.max(0, delayMs), resolve };
      this.#timers.push(timer);
      signal?.addEventListener("abort", () => {
        this.#timers = this.#timers.filter((each) => each !== timer);
        reject(signal.reason);
      });
      this.#onWait();
    });
  }

  /** How many delays are under way. */
  get waiting(): number {
    return this.#timers.length;
  }

  /** Resolves when at least `count` delays are under way. */
  async untilWaiting(count = 1): Promise<void> {
    while (this.#timers.length < count) {
      await new Promise<void>((resolve) => {
        this.#onWait = resolve;
      });
    }
  }

  /** Ends the delays of the next `byMs`, each at its time; what they wake has run when this resolves. */
  async advance(byMs: number): Promise<void> {
    const endMs = this.#elapsedMs + byMs;
    for (;;) {
      const due = this.#timers.filter((timer) => timer.atMs <= endMs);
      const next = due.reduce<Timer | undefined>(
        (first, timer) => (first === undefined || timer.atMs < first.atMs ? timer : first),
        undefined,
      );
      if (next === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#elapsedMs = next.atMs;
      next.resolve();
      await setImmediate();
    }
    this.#elapsedMs = endMs;
    await setImmediate();
  }
}
