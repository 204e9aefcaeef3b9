import { InvalidArgumentError } from "#base/errors.ts";

/** How a field's value is written: varint, 8 bytes, length and bytes, 4 bytes. */
export type WireType = 0 | 1 | 2 | 5;

/** Longest varint: 64 bits in groups of 7. */
const VARINT_MAX_BYTES = 10;
/** Numbers below are read without BigInt. */
const SMALL_BYTES = 4;

/** Appends the parts of a message in Protocol Buffers' wire format. */
export class WireWriter {
  readonly #chunks: Uint8Array[] = [];
  #sizeBytes = 0;

  tag(number: number, type: WireType): void {
    this.varint((number << 3) | type);
  }

  /** @param value Of a signed field below 0: written as 64 bits, two's complement. */
  varint(value: number | bigint): void {
    const bytes: number[] = [];
    if (typeof value === "number" && value >= 0 && value < 2 ** 31) {
      let rest = value;
      for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
      bytes.push(rest);
    } else {
      let rest = BigInt.asUintN(64, BigInt(value));
      for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
      bytes.push(Number(rest));
    }
    this.#push(Uint8Array.from(bytes));
  }

  /** Length, then the bytes. */
  bytes(value: Uint8Array): void {
    this.varint(value.byteLength);
    this.#push(value);
  }

  finish(): Uint8Array {
    return Buffer.concat(this.#chunks, this.#sizeBytes);
  }

  #push(bytes: Uint8Array): void {
    this.#chunks.push(bytes);
    this.#sizeBytes += bytes.byteLength;
  }
}

/** Reads one message. What it returns is part of the given bytes, not a copy. */
export class WireReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.byteLength;
  }

  /** @throws {InvalidArgumentError} A field number or wire type that there is not. */
  tag(): { readonly number: number; readonly type: WireType } {
    const tag = Number(this.varint());
    const [number, type] = [Math.floor(tag / 8), tag % 8];
    if (number < 1 || number >= 2 ** 29 || (type !== 0 && type !== 1 && type !== 2 && type !== 5)) {
      throw malformed(`tag ${tag}`);
    }
    return { number, type };
  }

  /** Unsigned 64 bits; a number where it is small. */
  varint(): number | bigint {
    let small = 0;
    let large = 0n;
    for (let index = 0; index < VARINT_MAX_BYTES; index++) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw malformed("a number is cut off");
      if (index < SMALL_BYTES) small |= (byte & 0x7f) << (7 * index);
      else large |= BigInt(byte & 0x7f) << BigInt(7 * index);
      if (byte < 0x80) {
        return index < SMALL_BYTES ? small : BigInt.asUintN(64, large | BigInt(small));
      }
    }
    throw malformed("a number is too long");
  }

  bytes(): Uint8Array {
    const length = Number(this.varint());
    return this.#take(length);
  }

  skip(type: WireType): void {
    if (type === 0) this.varint();
    else if (type === 2) this.bytes();
    else this.#take(type === 1 ? 8 : 4);
  }

  #take(length: number): Uint8Array {
    const end = this.#at + length;
    if (end > this.#bytes.byteLength) throw malformed("a field is cut off");
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}

export function malformed(what: string): InvalidArgumentError {
  return new InvalidArgumentError(`Malformed Protocol Buffers message: ${what}`);
}
