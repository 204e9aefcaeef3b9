import { tarError } from "./header.ts";

/** Reads an asynchronous stream in the pieces that a parser asks for, without copying bodies. */
export class ByteSource {
  readonly #iterator: AsyncIterator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array();
  #offset = 0;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#iterator = source[Symbol.asyncIterator]();
  }

  /** Bytes handed out so far. */
  get offset(): number {
    return this.#offset;
  }

  /** @returns At least one and at most `maxBytes` bytes; `undefined` at the end. */
  async some(maxBytes: number): Promise<Uint8Array | undefined> {
    while (this.#chunk.byteLength === 0) {
      const next = await this.#iterator.next();
      if (next.done) return undefined;
      this.#chunk = next.value;
    }
    const taken = this.#chunk.subarray(0, maxBytes);
    this.#chunk = this.#chunk.subarray(taken.byteLength);
    this.#offset += taken.byteLength;
    return taken;
  }

  /**
   * @returns `undefined` where the stream ended before the first byte.
   * @throws {InvalidArgumentError} When it ends in between.
   */
  async exactly(byteCount: number): Promise<Uint8Array | undefined> {
    const first = await this.some(byteCount);
    if (!first) return undefined;
    if (first.byteLength === byteCount) return first;
    const whole = new Uint8Array(byteCount);
    whole.set(first);
    let filled = first.byteLength;
    while (filled < byteCount) {
      const piece = await this.some(byteCount - filled);
      if (!piece) throw this.truncated();
      whole.set(piece, filled);
      filled += piece.byteLength;
    }
    return whole;
  }

  /** @throws {InvalidArgumentError} When the stream ends first. */
  async require(byteCount: number): Promise<Uint8Array> {
    if (byteCount === 0) return new Uint8Array();
    const bytes = await this.exactly(byteCount);
    if (!bytes) throw this.truncated();
    return bytes;
  }

  /** @throws {InvalidArgumentError} When the stream ends first. */
  async skip(byteCount: number): Promise<void> {
    let left = byteCount;
    while (left > 0) {
      const piece = await this.some(left);
      if (!piece) throw this.truncated();
      left -= piece.byteLength;
    }
  }

  /** Reads on to the stream's end, so that whoever digests it sees all of it. */
  async drain(): Promise<void> {
    while (await this.some(Number.MAX_SAFE_INTEGER));
  }

  /** Tells the stream that nobody reads on. */
  async close(): Promise<void> {
    await this.#iterator.return?.();
  }

  truncated(): Error {
    return tarError(`unexpected EOF after ${this.#offset} bytes`);
  }
}
