/**
 * A two-way stream of bytes to an engine, whatever carries it.
 *
 * Reading is by pull: the source is paused while more than `highWaterBytes` wait to be read.
 * One reader and one writer at a time.
 */
export interface Connection {
  /** @returns The next bytes as they came, or undefined once the peer has sent its last. */
  read(): Promise<Uint8Array | undefined>;
  /** Puts bytes back, to be read next. */
  unread(bytes: Uint8Array): void;
  /** Resolves when all of `bytes` is taken, and the next write would not pile up: their memory may be used again. */
  write(bytes: Uint8Array): Promise<void>;
  /** Tells the peer that we have sent our last; reading goes on. */
  closeWrite(): void;
  /** Both ways at once; waiting reads end, waiting writes fail. */
  close(): void;
  /** True once either side has closed it whole, or its peer has sent its last byte. */
  readonly isSpent: boolean;
}

/** Bytes that may wait for a slow reader before the source is paused. */
export const highWaterBytes: number = 256 * 1024;

/** The reading half of a connection: what has come and not been read. */
export class ReadQueue {
  readonly #chunks: Uint8Array[] = [];
  readonly #onLow: () => void;
  #waitingBytes = 0;
  #ended = false;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  /** @param onLow Called when the queue has drained and the source may go on. */
  constructor(onLow: () => void) {
    this.#onLow = onLow;
  }

  /** Takes over `bytes`. @returns True when the source should pause. */
  push(bytes: Uint8Array): boolean {
    this.#chunks.push(bytes);
    this.#waitingBytes += bytes.length;
    this.#notify();
    return this.#waitingBytes > highWaterBytes;
  }

  /** What is queued can still be read; then reads give undefined, or throw `failure`. */
  end(failure?: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#failure = failure;
    this.#notify();
  }

  get hasEnded(): boolean {
    return this.#ended;
  }

  get isEmpty(): boolean {
    return this.#chunks.length === 0;
  }

  unread(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#chunks.unshift(bytes);
    this.#waitingBytes += bytes.length;
  }

  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk) {
        const wasHigh = this.#waitingBytes > highWaterBytes;
        this.#waitingBytes -= chunk.length;
        if (wasHigh && this.#waitingBytes <= highWaterBytes) this.#onLow();
        return chunk;
      }
      if (this.#failure) throw this.#failure;
      if (this.#ended) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
