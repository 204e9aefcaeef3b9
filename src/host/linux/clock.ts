import type { Clock } from "#host/clock.ts";
import type { Libc } from "./ffi/libc.ts";

const CLOCK_REALTIME = 0;
/** setTimeout() takes a signed 32-bit number of milliseconds; longer waits go in legs. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export class SystemClock implements Clock {
  readonly #libc: Libc;
  readonly #timespec = new BigInt64Array(2);

  constructor(options: { readonly libc: Libc }) {
    this.#libc = options.libc;
  }

  nowMs(): number {
    return Date.now();
  }

  nowNanos(): bigint {
    this.#libc.call.clock_gettime(CLOCK_REALTIME, this.#timespec);
    const [seconds = 0n, nanos = 0n] = this.#timespec;
    return seconds * 1_000_000_000n + nanos;
  }

  monotonicMs(): number {
    return performance.now();
  }

  async delay(delayMs: number, signal?: AbortSignal): Promise<void> {
    const endMs = performance.now() + delayMs;
    for (let leftMs = delayMs; ; leftMs = endMs - performance.now()) {
      await waitMs(Math.min(leftMs, LONGEST_TIMER_MS), signal);
      if (leftMs <= LONGEST_TIMER_MS) return;
    }
  }
}

function waitMs(delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, delayMs);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
