import { ResourceExhaustedError, UnsupportedError } from "#base/errors.ts";

/** Flag and length before each message. */
const PREFIX_BYTES = 5;
/** Longest message that is taken, which is BuildKit's limit. */
export const MESSAGE_MAX_BYTES: number = 16 * 1024 * 1024;

/**
 * Puts gRPC's prefix before a message.
 *
 * @see gRPC over HTTP2, "Length-Prefixed-Message"
 */
export function frameMessage(message: Uint8Array): Uint8Array {
  const framed = Buffer.allocUnsafe(PREFIX_BYTES + message.byteLength);
  framed[0] = 0;
  framed.writeUInt32BE(message.byteLength, 1);
  framed.set(message, PREFIX_BYTES);
  return framed;
}

/** Takes the bytes of a stream apart into messages. Holds one unfinished message at most. */
export class MessageSplitter {
  #chunks: Uint8Array[] = [];
  #heldBytes = 0;
  #wantedBytes = PREFIX_BYTES;

  /** Whether a message has begun and not ended. */
  get isWithin(): boolean {
    return this.#heldBytes > 0;
  }

  /**
   * @throws {ResourceExhaustedError} A message over the limit. {UnsupportedError} A compressed one.
   */
  *push(chunk: Uint8Array): Generator<Uint8Array> {
    this.#chunks.push(chunk);
    this.#heldBytes += chunk.byteLength;
    while (this.#heldBytes >= this.#wantedBytes) {
      const all = this.#chunks.length === 1 ? this.#chunks[0] : Buffer.concat(this.#chunks);
      const held = Buffer.from(all?.buffer ?? new ArrayBuffer(0), all?.byteOffset, all?.byteLength);
      this.#wantedBytes = PREFIX_BYTES + lengthOf(held);
      if (held.byteLength < this.#wantedBytes) {
        this.#chunks = [held];
        return;
      }
      const rest = held.subarray(this.#wantedBytes);
      const message = held.subarray(PREFIX_BYTES, this.#wantedBytes);
      this.#chunks = rest.byteLength > 0 ? [rest] : [];
      this.#heldBytes = rest.byteLength;
      this.#wantedBytes = PREFIX_BYTES;
      yield message;
    }
  }
}

function lengthOf(prefix: Buffer): number {
  if (prefix[0] !== 0) throw new UnsupportedError("Compressed gRPC messages are not taken");
  const length = prefix.readUInt32BE(1);
  if (length <= MESSAGE_MAX_BYTES) return length;
  throw new ResourceExhaustedError(
    `A gRPC message of ${length} bytes is over the limit of ${MESSAGE_MAX_BYTES}`,
  );
}
