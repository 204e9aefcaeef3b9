import type { Digest } from "#spec/digest.ts";

/**
 * Work on one blob's file takes turns: a collector that removes a file must not meet an upload that puts the same
 * content in its place. Storage that two processes share gives each blob a place of its own instead.
 */
export class DigestLanes {
  readonly #last = new Map<Digest, Promise<unknown>>();

  async run<T>(digest: Digest, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(digest) ?? Promise.resolve();
    const result = before.then(work);
    const settled = result.catch(() => undefined); // the caller of `result` hears of it
    this.#last.set(digest, settled);
    try {
      return await result;
    } finally {
      if (this.#last.get(digest) === settled) this.#last.delete(digest);
    }
  }
}
