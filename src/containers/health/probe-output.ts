/** Docker's `maxOutputLen`. */
export const MAX_OUTPUT_BYTES = 4096;

/** The first bytes of what a check wrote; dots stand for the rest. */
export class ProbeOutput {
  readonly #chunks: Uint8Array[] = [];
  #bytes = 0;
  #isCut = false;

  get isFull(): boolean {
    return this.#bytes >= MAX_OUTPUT_BYTES;
  }

  add(chunk: Uint8Array): void {
    const room = MAX_OUTPUT_BYTES - this.#bytes;
    if (chunk.byteLength > room) this.#isCut = true;
    if (room <= 0) return;
    const kept = chunk.slice(0, room);
    this.#chunks.push(kept);
    this.#bytes += kept.byteLength;
  }

  /** What is no UTF-8 becomes U+FFFD, as on the wire of Docker. */
  toString(): string {
    const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(Buffer.concat(this.#chunks));
    return this.#isCut ? `${text}...` : text;
  }
}
