import { InvalidArgumentError } from "#base/errors.ts";

/** RFC 4251, section 5: numbers in network order, texts with their lengths before them. */
export class SshReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** `uint32` @throws {InvalidArgumentError} The bytes end before. */
  number(): number {
    return this.#take(4).readUInt32BE();
  }

  /** `string` */
  bytes(): Buffer {
    return this.#take(this.number());
  }

  text(): string {
    return this.bytes().toString();
  }

  /** `mpint` of a number that is not negative, without the zeros before it. */
  integer(): Buffer {
    return withoutZeros(this.bytes());
  }

  #take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new InvalidArgumentError("the message is cut off");
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}

/** `string` */
export function sshBytes(value: Uint8Array | string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([sshNumber(bytes.length), bytes]);
}

/** `uint32` */
export function sshNumber(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** `mpint` of a number that is not negative, whose first byte is the highest. */
export function sshInteger(value: Uint8Array): Buffer {
  const bytes = withoutZeros(Buffer.from(value));
  const isHigh = ((bytes[0] ?? 0) & 0x80) !== 0;
  return sshBytes(isHigh ? Buffer.concat([Buffer.alloc(1), bytes]) : bytes);
}

function withoutZeros(bytes: Buffer): Buffer {
  const first = bytes.findIndex((byte) => byte !== 0);
  return first < 0 ? Buffer.alloc(0) : bytes.subarray(first);
}
