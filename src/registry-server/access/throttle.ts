import { RegistryError } from "#registry-server/errors.ts";

export interface ThrottleOptions {
  /** What a key may use at once. */
  readonly burst: number;
  /** What comes back each second. */
  readonly perSecond: number;
}

interface Bucket {
  left: number;
  atMs: number;
}

/** Keys that are followed; beyond it those that are full again are forgotten. */
const KEYS_MAX = 10_000;

/** A bucket of tokens for each key: an address, an account. */
export class Throttle {
  readonly #options: ThrottleOptions;
  readonly #nowMs: () => number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(options: ThrottleOptions, nowMs: () => number) {
    this.#options = options;
    this.#nowMs = nowMs;
  }

  /** What is left for the key, which may be less than one. */
  left(key: string): number {
    const bucket = this.#buckets.get(key);
    return bucket ? this.#filled(bucket) : this.#options.burst;
  }

  /** Takes one, even below nothing. */
  take(key: string): void {
    if (this.#buckets.size >= KEYS_MAX) this.#forgetFull();
    this.#buckets.set(key, { left: this.left(key) - 1, atMs: this.#nowMs() });
  }

  /** @throws {RegistryError} `TOOMANYREQUESTS`, with the seconds to wait, when nothing is left. */
  require(key: string): void {
    const left = this.left(key);
    if (left >= 1) return;
    const seconds = Math.max(1, Math.ceil((1 - left) / this.#options.perSecond));
    throw new RegistryError("TOOMANYREQUESTS", "", { headers: { "Retry-After": String(seconds) } });
  }

  #filled({ left, atMs }: Bucket): number {
    const { burst, perSecond } = this.#options;
    const seconds = Math.max(0, this.#nowMs() - atMs) / 1000; // clocks are set back at times
    return Math.min(burst, left + seconds * perSecond);
  }

  #forgetFull(): void {
    for (const [key, bucket] of this.#buckets) {
      if (this.#filled(bucket) >= this.#options.burst) this.#buckets.delete(key);
    }
    if (this.#buckets.size >= KEYS_MAX) this.#buckets.clear();
  }
}
