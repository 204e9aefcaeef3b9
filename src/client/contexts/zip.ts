import { inflateRawSync } from "node:zlib";
import { InvalidArgumentError, messageOf } from "#base/errors.ts";

const endOfDirectory = 0x06054b50;
const directoryEntry = 0x02014b50;
const localEntry = 0x04034b50;
const endBytes = 22;
const maxCommentBytes = 65_535;

/**
 * Files of a zip archive held in memory: stored or deflated ones, without zip64 and encryption.
 *
 * @param maxBytes Limit of all files together, inflated.
 * @throws {InvalidArgumentError} When it is broken, uses what is not supported, or is too large.
 * @see APPNOTE.TXT of PKWARE, sections 4.3.7, 4.3.12 and 4.3.16.
 */
export function* readZip(
  bytes: Uint8Array,
  maxBytes: number,
): Generator<readonly [string, Uint8Array]> {
  try {
    yield* readEntries(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), maxBytes);
  } catch (error) {
    if (error instanceof InvalidArgumentError) throw error;
    throw broken(messageOf(error)); // a RangeError of a read past the end, or zlib's
  }
}

function broken(why: string): InvalidArgumentError {
  return new InvalidArgumentError(`Cannot read the zip archive: ${why}`);
}

function* readEntries(zip: Buffer, maxBytes: number): Generator<readonly [string, Uint8Array]> {
  const end = findEnd(zip);
  const count = zip.readUInt16LE(end + 10);
  let left = maxBytes;
  for (let index = 0, at = zip.readUInt32LE(end + 16); index < count; index += 1) {
    if (zip.readUInt32LE(at) !== directoryEntry) throw broken("the directory is damaged");
    const nameBytes = zip.readUInt16LE(at + 28);
    const name = zip.toString("utf8", at + 46, at + 46 + nameBytes);
    if (!name.endsWith("/")) {
      const body = readEntry(zip, at, left);
      left -= body.length;
      yield [name, body];
    }
    at += 46 + nameBytes + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
}

function findEnd(zip: Buffer): number {
  const first = Math.max(0, zip.length - endBytes - maxCommentBytes);
  for (let at = zip.length - endBytes; at >= first; at -= 1) {
    if (zip.readUInt32LE(at) === endOfDirectory) return at;
  }
  throw broken("it has no directory");
}

function readEntry(zip: Buffer, directoryAt: number, left: number): Uint8Array {
  const method = zip.readUInt16LE(directoryAt + 10);
  const packedBytes = zip.readUInt32LE(directoryAt + 20);
  const at = zip.readUInt32LE(directoryAt + 42);
  if (zip.readUInt32LE(at) !== localEntry) throw broken("a file's header is damaged");
  const start = at + 30 + zip.readUInt16LE(at + 26) + zip.readUInt16LE(at + 28);
  const packed = zip.subarray(start, start + packedBytes);
  if (packed.length < packedBytes) throw broken("it is cut short");
  if (method === 8) return inflateRawSync(packed, { maxOutputLength: Math.max(1, left) });
  if (method !== 0) throw broken(`compression method ${method} is not supported`);
  if (packed.length > left) throw broken("its files are too large");
  return packed;
}
