import { type Deferred, deferred } from "#base/async.ts";

/** The unpacking process is told of no smaller steps, nor of more than a few thousand. */
const STEP_BYTES = 1024 * 1024;
const STEPS_MAX = 2000;

/** How much of a blob's file may be read, for those who read it while it comes. */
export class Growth {
  readonly #sizeBytes: number;
  #bytes = 0;
  #isSettled = false;
  #changed: Deferred<void> = deferred();

  /** @param sizeBytes Of the whole. */
  constructor(sizeBytes: number) {
    this.#sizeBytes = sizeBytes;
  }

  /** @param bytes What is there now: less than before where it is fetched anew. */
  reach(bytes: number): void {
    if (bytes === this.#bytes) return;
    this.#bytes = bytes;
    this.#tell();
  }

  /** No more comes. */
  settle(): void {
    this.#isSettled = true;
    this.#tell();
  }

  /** Bytes that are there, each time there are some more; ends when no more come. */
  async *grown(): AsyncIterable<number> {
    const stepBytes = Math.max(STEP_BYTES, this.#sizeBytes / STEPS_MAX);
    for (let told = 0; ; ) {
      const { promise } = this.#changed;
      const bytes = this.#bytes;
      if (bytes >= told + stepBytes || (bytes > told && bytes >= this.#sizeBytes)) {
        told = bytes;
        yield bytes;
        continue;
      }
      if (this.#isSettled) return;
      await promise;
    }
  }

  #tell(): void {
    const before = this.#changed;
    this.#changed = deferred();
    before.resolve();
  }
}
