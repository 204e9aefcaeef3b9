import { MAX_MESSAGE_BYTES } from "./constants.ts";

/** A message as it goes over TCP: its length in two bytes, then itself. */
export function frameMessage(message: Uint8Array): Buffer {
  const framed = Buffer.alloc(2 + message.length);
  framed.writeUInt16BE(message.length, 0);
  framed.set(message, 2);
  return framed;
}

/** Cuts the bytes of a TCP connection into messages. */
export class MessageFrames {
  readonly #maxMessageBytes: number;
  #rest: Buffer = Buffer.alloc(0);

  constructor(options: { readonly maxMessageBytes?: number } = {}) {
    this.#maxMessageBytes = options.maxMessageBytes ?? MAX_MESSAGE_BYTES;
  }

  /** @returns The messages that are whole now; undefined when one is longer than allowed. */
  push(bytes: Uint8Array): readonly Buffer[] | undefined {
    this.#rest = this.#rest.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#rest, bytes]);
    const messages: Buffer[] = [];
    while (this.#rest.length >= 2) {
      const length = this.#rest.readUInt16BE(0);
      if (length > this.#maxMessageBytes) return undefined;
      if (this.#rest.length < 2 + length) break;
      messages.push(this.#rest.subarray(2, 2 + length));
      this.#rest = this.#rest.subarray(2 + length);
    }
    return messages;
  }
}
