/** One event of the forward protocol's message mode. */
export interface ForwardMessage {
  readonly tag: string;
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly record: Readonly<Record<string, string>>;
  readonly option: Readonly<Record<string, string>>;
}

/** Reads whole messages; a part of one at the end is left. */
export function decodeMessages(bytes: Buffer): {
  readonly messages: readonly ForwardMessage[];
  readonly taken: number;
} {
  const messages: ForwardMessage[] = [];
  let taken = 0;
  for (;;) {
    const reader = new Reader(bytes, taken);
    try {
      messages.push(reader.message());
    } catch (error) {
      if (error instanceof RangeError) return { messages, taken };
      throw error;
    }
    taken = reader.at;
  }
}

class Reader {
  readonly #bytes: Buffer;
  at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  message(): ForwardMessage {
    if (this.#take(1)[0] !== 0x94) throw new TypeError("want an array of 4");
    const tag = this.#string();
    const time = this.#time();
    return { tag, ...time, record: this.#map(), option: this.#map() };
  }

  #time(): { readonly seconds: number; readonly nanoseconds: number } {
    if (this.#take(1)[0] === 0xd3) {
      return { seconds: Number(this.#take(8).readBigInt64BE()), nanoseconds: 0 };
    }
    const time = this.#take(9);
    return { seconds: time.readUInt32BE(1), nanoseconds: time.readUInt32BE(5) };
  }

  #map(): Record<string, string> {
    const head = this.#take(1)[0] ?? 0;
    const pairs = head === 0xde ? this.#take(2).readUInt16BE() : head & 0xf;
    const map: Record<string, string> = {};
    for (let i = 0; i < pairs; i++) map[this.#string()] = this.#string();
    return map;
  }

  #string(): string {
    const head = this.#take(1)[0] ?? 0;
    const size =
      head === 0xda
        ? this.#take(2).readUInt16BE()
        : head === 0xdb
          ? this.#take(4).readUInt32BE()
          : head & 0x1f;
    return this.#take(size).toString();
  }

  #take(count: number): Buffer {
    if (this.at + count > this.#bytes.length) throw new RangeError("too few bytes");
    const taken = this.#bytes.subarray(this.at, this.at + count);
    this.at += count;
    return taken;
  }
}
