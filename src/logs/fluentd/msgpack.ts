/**
 * Writes MessagePack, as much of it as the forward protocol needs.
 *
 * @see https://github.com/msgpack/msgpack/blob/master/spec.md
 */
export class MessagePackWriter {
  #bytes: Buffer = Buffer.allocUnsafe(4096);
  #length = 0;

  array(items: number): void {
    this.#byte(0x90 | items);
  }

  map(pairs: number): void {
    if (pairs < 16) this.#byte(0x80 | pairs);
    else {
      this.#reserve(3);
      this.#length = this.#bytes.writeUInt8(0xde, this.#length);
      this.#length = this.#bytes.writeUInt16BE(pairs, this.#length);
    }
  }

  string(value: string | Uint8Array): void {
    const bytes = typeof value === "string" ? Buffer.from(value) : value;
    this.#reserve(5 + bytes.length);
    if (bytes.length < 32) this.#byte(0xa0 | bytes.length);
    else if (bytes.length < 2 ** 16) {
      this.#length = this.#bytes.writeUInt8(0xda, this.#length);
      this.#length = this.#bytes.writeUInt16BE(bytes.length, this.#length);
    } else {
      this.#length = this.#bytes.writeUInt8(0xdb, this.#length);
      this.#length = this.#bytes.writeUInt32BE(bytes.length, this.#length);
    }
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Seconds since 1970. */
  integer(seconds: number): void {
    this.#reserve(9);
    this.#length = this.#bytes.writeUInt8(0xd3, this.#length);
    this.#length = this.#bytes.writeBigInt64BE(BigInt(seconds), this.#length);
  }

  /** Fluentd's EventTime: extension type 0 with seconds and nanoseconds. */
  eventTime(nanos: bigint): void {
    this.#reserve(10);
    this.#length = this.#bytes.writeUInt16BE(0xd700, this.#length);
    this.#length = this.#bytes.writeUInt32BE(Number(nanos / 1_000_000_000n), this.#length);
    this.#length = this.#bytes.writeUInt32BE(Number(nanos % 1_000_000_000n), this.#length);
  }

  /** What was written since the last call. */
  take(): Buffer {
    const taken = Buffer.from(this.#bytes.subarray(0, this.#length));
    this.#length = 0;
    return taken;
  }

  #byte(value: number): void {
    this.#reserve(1);
    this.#length = this.#bytes.writeUInt8(value, this.#length);
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + bytes));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

/**
 * The acknowledgement in a receiver's answer, a map `{"ack": chunk}`.
 *
 * @returns Its length in bytes; 0 while it is not complete.
 */
export function parseAck(received: Buffer): { readonly length: number; readonly ack: string } {
  const none = { length: 0, ack: "" };
  // fixmap of one pair, fixstr "ack"
  if (received.length < 6) return none;
  const head = received[5] ?? 0;
  const [lengthBytes, size] =
    head === 0xd9
      ? [1, received[6] ?? 0]
      : head === 0xda && received.length > 7
        ? [2, received.readUInt16BE(6)]
        : [0, head & 0x1f];
  const from = 6 + lengthBytes;
  if (received.length < from + size) return none;
  return { length: from + size, ack: received.toString("utf8", from, from + size) };
}
