import { InvalidArgumentError, ResourceExhaustedError } from "#base/errors.ts";
import { decodeHuffman } from "./huffman.ts";

export type HeaderField = readonly [name: string, value: string];

/** @see RFC 7541, appendix A */
const STATIC_TABLE: readonly HeaderField[] = [
  [":authority", ""],
  [":method", "GET"],
  [":method", "POST"],
  [":path", "/"],
  [":path", "/index.html"],
  [":scheme", "http"],
  [":scheme", "https"],
  [":status", "200"],
  [":status", "204"],
  [":status", "206"],
  [":status", "304"],
  [":status", "400"],
  [":status", "404"],
  [":status", "500"],
  ["accept-charset", ""],
  ["accept-encoding", "gzip, deflate"],
  ["accept-language", ""],
  ["accept-ranges", ""],
  ["accept", ""],
  ["access-control-allow-origin", ""],
  ["age", ""],
  ["allow", ""],
  ["authorization", ""],
  ["cache-control", ""],
  ["content-disposition", ""],
  ["content-encoding", ""],
  ["content-language", ""],
  ["content-length", ""],
  ["content-location", ""],
  ["content-range", ""],
  ["content-type", ""],
  ["cookie", ""],
  ["date", ""],
  ["etag", ""],
  ["expect", ""],
  ["expires", ""],
  ["from", ""],
  ["host", ""],
  ["if-match", ""],
  ["if-modified-since", ""],
  ["if-none-match", ""],
  ["if-range", ""],
  ["if-unmodified-since", ""],
  ["last-modified", ""],
  ["link", ""],
  ["location", ""],
  ["max-forwards", ""],
  ["proxy-authenticate", ""],
  ["proxy-authorization", ""],
  ["range", ""],
  ["referer", ""],
  ["refresh", ""],
  ["retry-after", ""],
  ["server", ""],
  ["set-cookie", ""],
  ["strict-transport-security", ""],
  ["transfer-encoding", ""],
  ["user-agent", ""],
  ["vary", ""],
  ["via", ""],
  ["www-authenticate", ""],
];

const TABLE_MAX_BYTES = 4096;
const FIELD_OVERHEAD_BYTES = 32;
/** Of all fields of one block. */
const FIELDS_MAX_BYTES = 1024 * 1024;
const LONGEST_INTEGER_SHIFT = 28;

/** Literal fields without compression: what is sent is little, and nothing has to be kept for it. */
export function encodeFields(fields: readonly HeaderField[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const [name, value] of fields) {
    parts.push(Uint8Array.of(0), encodeText(name), encodeText(value));
  }
  return Buffer.concat(parts);
}

function encodeText(text: string): Uint8Array {
  const bytes = Buffer.from(text, "latin1");
  return Buffer.concat([encodeLength(bytes.byteLength), bytes]);
}

/** An integer with a prefix of 7 bits. */
function encodeLength(length: number): Uint8Array {
  if (length < 127) return Uint8Array.of(length);
  const bytes = [127];
  let rest = length - 127;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Uint8Array.from([...bytes, rest]);
}

/** Reads the blocks of one connection, in order: each may refer to fields of those before. */
export class FieldDecoder {
  readonly #dynamic: HeaderField[] = [];
  #dynamicBytes = 0;
  #limitBytes = TABLE_MAX_BYTES;

  /** @throws {InvalidArgumentError} It is no block. {ResourceExhaustedError} It has too much. */
  decode(block: Uint8Array): readonly HeaderField[] {
    const reader = new BlockReader(block);
    const fields: HeaderField[] = [];
    let bytes = 0;
    while (!reader.isAtEnd) {
      const field = this.#next(reader);
      if (!field) continue;
      bytes += sizeOf(field);
      if (bytes > FIELDS_MAX_BYTES) throw new ResourceExhaustedError("Headers are too long");
      fields.push(field);
    }
    return fields;
  }

  #next(reader: BlockReader): HeaderField | undefined {
    const first = reader.peek();
    if (first & 0x80) return this.#at(reader.integer(7));
    if (first & 0x40) {
      const field = this.#literal(reader, 6);
      this.#add(field);
      return field;
    }
    if (first & 0x20) {
      const limit = reader.integer(5);
      if (limit > TABLE_MAX_BYTES) throw new InvalidArgumentError("A header table is too large");
      this.#limitBytes = limit;
      this.#evict();
      return undefined;
    }
    return this.#literal(reader, 4);
  }

  #literal(reader: BlockReader, prefixBits: number): HeaderField {
    const index = reader.integer(prefixBits);
    const name = index === 0 ? reader.text() : this.#at(index)[0];
    return [name, reader.text()];
  }

  #at(index: number): HeaderField {
    const field =
      index <= STATIC_TABLE.length
        ? STATIC_TABLE[index - 1]
        : this.#dynamic[index - STATIC_TABLE.length - 1];
    if (field) return field;
    throw new InvalidArgumentError(`There is no header ${index}`);
  }

  #add(field: HeaderField): void {
    this.#dynamic.unshift(field);
    this.#dynamicBytes += sizeOf(field);
    this.#evict();
  }

  #evict(): void {
    while (this.#dynamicBytes > this.#limitBytes) {
      const last = this.#dynamic.pop();
      if (!last) return;
      this.#dynamicBytes -= sizeOf(last);
    }
  }
}

function sizeOf([name, value]: HeaderField): number {
  return name.length + value.length + FIELD_OVERHEAD_BYTES;
}

class BlockReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.byteLength;
  }

  peek(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw new InvalidArgumentError("Headers are cut off");
    return byte;
  }

  #byte(): number {
    const byte = this.peek();
    this.#at++;
    return byte;
  }

  integer(prefixBits: number): number {
    const most = 2 ** prefixBits - 1;
    let value = this.#byte() & most;
    if (value < most) return value;
    for (let shift = 0; shift <= LONGEST_INTEGER_SHIFT; shift += 7) {
      const byte = this.#byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new InvalidArgumentError("A header's number is too long");
  }

  text(): string {
    const isPacked = (this.peek() & 0x80) !== 0;
    const length = this.integer(7);
    const end = this.#at + length;
    if (end > this.#bytes.byteLength) throw new InvalidArgumentError("Headers are cut off");
    const bytes = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return Buffer.from(isPacked ? decodeHuffman(bytes) : bytes).toString("latin1");
  }
}
