/** Keeps what was used last, up to a sum of bytes. */
export class ByteCache<Key> {
  readonly #maxBytes: number;
  readonly #entries = new Map<Key, Uint8Array<ArrayBuffer>>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get(key: Key): Uint8Array<ArrayBuffer> | undefined {
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    this.#entries.delete(key); // last in the order again
    this.#entries.set(key, value);
    return value;
  }

  set(key: Key, value: Uint8Array<ArrayBuffer>): void {
    if (value.byteLength > this.#maxBytes / 4) return;
    this.delete(key);
    this.#entries.set(key, value);
    this.#bytes += value.byteLength;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#maxBytes) break;
      this.delete(oldest);
    }
  }

  delete(key: Key): void {
    this.#bytes -= this.#entries.get(key)?.byteLength ?? 0;
    this.#entries.delete(key);
  }
}
