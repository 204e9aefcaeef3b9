import { ResourceExhaustedError } from "./errors.ts";

export interface Deferred<Value> {
  readonly promise: Promise<Value>;
  readonly resolve: (value: Value) => void;
  readonly reject: (reason: Error) => void;
}

export function deferred<Value = void>(): Deferred<Value> {
  return Promise.withResolvers<Value>();
}

/** Rejects with the signal's reason as soon as it aborts; the promise itself runs on. */
export async function abortable<Value>(
  promise: Promise<Value>,
  signal: AbortSignal,
): Promise<Value> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** At most `permits` holders at once; waiters are served in order. */
export class Semaphore {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(permits: number) {
    this.#free = permits;
  }

  /**
   * @returns What gives the permit back; disposing it twice does nothing.
   * @throws The signal's reason when it aborts before a permit is free; none is held then.
   */
  async acquire(signal?: AbortSignal): Promise<Disposable> {
    signal?.throwIfAborted();
    if (this.#free > 0) {
      this.#free--;
      return this.#permit();
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = (): void => {
      const index = this.#waiting.indexOf(resolve);
      if (index < 0) return;
      this.#waiting.splice(index, 1);
      reject(signal?.reason);
    };
    this.#waiting.push(resolve);
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      await promise;
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
    return this.#permit();
  }

  async run<Value>(work: () => Promise<Value>, signal?: AbortSignal): Promise<Value> {
    using _permit = await this.acquire(signal);
    return await work();
  }

  #permit(): Disposable {
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (!isHeld) return;
        isHeld = false;
        // a permit passes straight to the next waiter, so that no newcomer overtakes
        const next = this.#waiting.shift();
        if (next) next();
        else this.#free++;
      },
    };
  }
}

/** One holder a key; a key takes no memory while nobody holds it. */
export class KeyedMutex<Key = string> {
  readonly #locks = new Map<Key, { readonly lock: Semaphore; users: number }>();

  /** @throws The signal's reason when it aborts before the lock is free. */
  async acquire(key: Key, signal?: AbortSignal): Promise<Disposable> {
    const entry = this.#locks.get(key) ?? { lock: new Semaphore(1), users: 0 };
    this.#locks.set(key, entry);
    entry.users++;
    const leave = (): void => {
      if (--entry.users === 0) this.#locks.delete(key);
    };
    let permit: Disposable;
    try {
      permit = await entry.lock.acquire(signal);
    } catch (error) {
      leave();
      throw error;
    }
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (!isHeld) return;
        isHeld = false;
        permit[Symbol.dispose]();
        leave();
      },
    };
  }

  async run<Value>(key: Key, work: () => Promise<Value>, signal?: AbortSignal): Promise<Value> {
    using _lock = await this.acquire(key, signal);
    return await work();
  }

  /** Keys that are held or waited for. */
  get size(): number {
    return this.#locks.size;
  }
}

export interface QueueOptions<Item> {
  /** Most that the queue holds, in the unit of `sizeOf`. */
  readonly capacity: number;
  /** 1 an item unless given; bytes for chunks. An item larger than the capacity goes in alone. */
  readonly sizeOf?: (item: Item) => number;
}

/**
 * A queue between one or more writers and one reader. `push` waits while the queue is full
 * (backpressure); `offer` refuses instead, for those that must not wait (events: disconnect).
 */
export class BoundedQueue<Item> implements AsyncIterable<Item> {
  readonly #capacity: number;
  readonly #sizeOf: (item: Item) => number;
  #items: Item[] = [];
  /** Index of the first item still there: `shift` on a long array is slow. */
  #head = 0;
  #used = 0;
  #end: { readonly error?: Error } | undefined;
  #readable: Deferred<void> | undefined;
  #writable: Deferred<void> | undefined;

  constructor(options: QueueOptions<Item>) {
    this.#capacity = options.capacity;
    this.#sizeOf = options.sizeOf ?? (() => 1);
  }

  get isClosed(): boolean {
    return this.#end !== undefined;
  }

  /** What is in the queue, in the unit of `sizeOf`. */
  get used(): number {
    return this.#used;
  }

  /** @returns False where the queue is full or closed: the item was not taken. */
  offer(item: Item): boolean {
    const size = this.#sizeOf(item);
    if (this.#end || (this.#used > 0 && this.#used + size > this.#capacity)) return false;
    this.#items.push(item);
    this.#used += size;
    this.#readable?.resolve();
    this.#readable = undefined;
    return true;
  }

  /**
   * Waits for room.
   *
   * @returns False where the queue was closed: the item was not taken.
   * @throws The signal's reason when it aborts first.
   */
  async push(item: Item, signal?: AbortSignal): Promise<boolean> {
    for (;;) {
      if (this.offer(item)) return true;
      if (this.#end) return false;
      this.#writable ??= deferred();
      const { promise } = this.#writable;
      await (signal ? abortable(promise, signal) : promise);
    }
  }

  /** No more items; what is in the queue can still be read. With an error the reader gets that after. */
  close(error?: Error): void {
    if (this.#end) return;
    this.#end = error ? { error } : {};
    this.#readable?.resolve();
    this.#writable?.resolve();
    this.#readable = undefined;
    this.#writable = undefined;
  }

  /**
   * @returns `undefined` at the end.
   * @throws What `close` was given, or the signal's reason.
   */
  async shift(signal?: AbortSignal): Promise<Item | undefined> {
    for (;;) {
      if (this.#head < this.#items.length) return this.#take();
      if (this.#end) {
        if (this.#end.error) throw this.#end.error;
        return undefined;
      }
      this.#readable ??= deferred();
      const { promise } = this.#readable;
      await (signal ? abortable(promise, signal) : promise);
    }
  }

  /** Leaving the loop early closes the queue. */
  async *[Symbol.asyncIterator](): AsyncIterator<Item> {
    try {
      for (;;) {
        const item = await this.shift();
        if (item === undefined) return;
        yield item;
      }
    } finally {
      this.close();
    }
  }

  #take(): Item | undefined {
    const item = this.#items[this.#head++];
    if (item !== undefined) this.#used -= this.#sizeOf(item);
    if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    this.#writable?.resolve();
    this.#writable = undefined;
    return item;
  }
}

/** Waits without holding a thread; injected so that tests need no time. */
export type Sleep = (delayMs: number, signal?: AbortSignal) => Promise<void>;

export interface RetryOptions {
  readonly sleep: Sleep;
  /** From 0 up to but not including 1. */
  readonly random: () => number;
  /** Tries in all. */
  readonly attempts: number;
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
  /** Errors that another try cannot heal are thrown at once. */
  readonly mayRetry: (error: unknown) => boolean;
  readonly signal?: AbortSignal;
}

/** Waits between tries double, each by chance between half of it and all (equal jitter). */
export async function retry<Value>(
  work: (attempt: number) => Promise<Value>,
  options: RetryOptions,
): Promise<Value> {
  let delayMs = options.firstDelayMs;
  for (let attempt = 1; ; attempt++) {
    options.signal?.throwIfAborted();
    try {
      return await work(attempt);
    } catch (error) {
      if (attempt >= options.attempts || !options.mayRetry(error)) throw error;
    }
    await options.sleep(delayMs / 2 + options.random() * (delayMs / 2), options.signal);
    delayMs = Math.min(delayMs * 2, options.maxDelayMs);
  }
}

/** Runs `work` over `items`, at most `limit` at once; the first failure stops new ones and is thrown. */
export async function forEachLimited<Item>(
  items: Iterable<Item>,
  limit: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const iterator = items[Symbol.iterator]();
  let hasFailed = false;
  const worker = async (): Promise<void> => {
    for (let next = iterator.next(); !next.done && !hasFailed; next = iterator.next()) {
      try {
        await work(next.value);
      } catch (error) {
        hasFailed = true;
        throw error;
      }
    }
  };
  const results = await Promise.allSettled(Array.from({ length: Math.max(1, limit) }, worker));
  for (const result of results) if (result.status === "rejected") throw result.reason;
}

/**
 * Joins a stream into one array.
 *
 * @throws {ResourceExhaustedError} When it has more than `maxBytes`.
 */
export async function collectBytes(
  chunks: AsyncIterable<Uint8Array>,
  maxBytes: number,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of chunks) {
    total += chunk.byteLength;
    if (total > maxBytes) {
      throw new ResourceExhaustedError(`Cannot read stream: it has more than ${maxBytes} bytes`);
    }
    parts.push(chunk);
  }
  return Buffer.concat(parts, total);
}
