import type { Clock } from "#host/clock.ts";

interface Timer {
  readonly atMs: number;
  readonly resolve: () => void;
}

/** Stands still until `advance`; each reading of the nanoseconds is one microsecond later. */
export class FakeClock implements Clock {
  #nowMs = 1_800_000_000_000;
  #readings = 0n;
  readonly #timers = new Set<Timer>();

  nowMs(): number {
    return this.#nowMs;
  }

  nowNanos(): bigint {
    this.#readings += 1000n;
    return BigInt(this.#nowMs) * 1_000_000n + this.#readings;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  delay(delayMs: number, signal?: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer: Timer = { atMs: this.#nowMs + delayMs, resolve };
    const onAbort = (): void => {
      this.#timers.delete(timer);
      reject(signal?.reason);
    };
    if (signal?.aborted) onAbort();
    else {
      this.#timers.add(timer);
      signal?.addEventListener("abort", onAbort, { once: true });
    }
    return promise;
  }

  /** Timers that run. */
  get pending(): readonly number[] {
    return [...this.#timers].map(({ atMs }) => atMs - this.#nowMs).sort((a, b) => a - b);
  }

  advance(ms: number): void {
    this.#nowMs += ms;
    for (const timer of this.#timers) {
      if (timer.atMs > this.#nowMs) continue;
      this.#timers.delete(timer);
      timer.resolve();
    }
  }
}
