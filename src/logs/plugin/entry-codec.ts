import { InvalidArgumentError } from "#base/errors.ts";
import type { LogEntry, LogPart } from "#logs/logs.ts";
import { lineOf } from "#logs/wire/parts.ts";

/**
 * What goes through the fifo to a log plugin, and what comes back from `ReadLogs`: a length of 4 bytes, big-endian,
 * then a protobuf message:
 *
 *     message LogEntry { string source = 1; int64 time_nano = 2; bytes line = 3; bool partial = 4;
 *                        PartialLogEntryMetadata partial_log_metadata = 5; }
 *     message PartialLogEntryMetadata { bool last = 1; string id = 2; int32 ordinal = 3; }
 *
 * @see Docker Engine, "Docker log driver plugins", "Log stream".
 */
const VARINT = 0;
const BYTES = 2;
const FIELD = { source: 1, timeNano: 2, line: 3, partial: 4, part: 5 } as const;
const PART = { last: 1, id: 2, ordinal: 3 } as const;
/** Longer than any entry that was ever sent: a line's piece is 16 KiB. */
const ENTRY_MAX_BYTES = 4 * 1024 * 1024;
const LENGTH_BYTES = 4;

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

function numberField(field: number, value: bigint): Buffer {
  // proto3 leaves out what is zero
  if (value === 0n) return Buffer.alloc(0);
  return Buffer.concat([varint(BigInt((field << 3) | VARINT)), varint(value)]);
}

function bytesField(field: number, value: Uint8Array): Buffer {
  if (value.byteLength === 0) return Buffer.alloc(0);
  const head = varint(BigInt((field << 3) | BYTES));
  return Buffer.concat([head, varint(BigInt(value.byteLength)), value]);
}

export function encodeEntry(entry: LogEntry): Buffer {
  const { part } = entry;
  const message = Buffer.concat([
    bytesField(FIELD.source, Buffer.from(entry.stream)),
    numberField(FIELD.timeNano, entry.timeNanos),
    bytesField(FIELD.line, lineOf(entry.bytes)),
    numberField(FIELD.partial, part ? 1n : 0n),
    ...(part ? [bytesField(FIELD.part, encodePart(part))] : []),
  ]);
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(message.byteLength);
  return Buffer.concat([length, message]);
}

function encodePart(part: LogPart): Buffer {
  return Buffer.concat([
    numberField(PART.last, part.isLast ? 1n : 0n),
    bytesField(PART.id, Buffer.from(part.id)),
    numberField(PART.ordinal, BigInt(part.ordinal)),
  ]);
}

interface Field {
  readonly number: number;
  readonly value: bigint | Buffer;
}

/** @throws {InvalidArgumentError} No protobuf. */
function* fieldsOf(message: Buffer): Generator<Field> {
  let at = 0;
  const readVarint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = message[at++];
      if (byte === undefined) throw malformed();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw malformed();
  };
  while (at < message.byteLength) {
    const key = Number(readVarint());
    const number = key >>> 3;
    switch (key & 7) {
      case VARINT:
        yield { number, value: readVarint() };
        break;
      case BYTES: {
        const length = Number(readVarint());
        if (length > message.byteLength - at) throw malformed();
        yield { number, value: message.subarray(at, at + length) };
        at += length;
        break;
      }
      default:
        throw malformed();
    }
  }
}

function malformed(): InvalidArgumentError {
  return new InvalidArgumentError("malformed log entry");
}

function decodeEntry(message: Buffer): LogEntry {
  let stream: LogEntry["stream"] = "stdout";
  let timeNanos = 0n;
  let line: Buffer = Buffer.alloc(0);
  let part: LogPart | undefined;
  for (const { number, value } of fieldsOf(message)) {
    if (number === FIELD.source && value.toString() === "stderr") stream = "stderr";
    if (number === FIELD.timeNano && typeof value === "bigint") timeNanos = value;
    if (number === FIELD.line && typeof value !== "bigint") line = value;
    if (number === FIELD.part && typeof value !== "bigint") part = decodePart(value);
  }
  const isPartial = part !== undefined && !part.isLast;
  // the newline of the line's end is not in the message
  const bytes = isPartial ? Buffer.from(line) : Buffer.concat([line, Buffer.from("\n")]);
  return { stream, timeNanos, bytes, isPartial, ...(part && { part }) };
}

function decodePart(message: Buffer): LogPart {
  let isLast = false;
  let id = "";
  let ordinal = 0;
  for (const { number, value } of fieldsOf(message)) {
    if (number === PART.last) isLast = value === 1n;
    if (number === PART.id) id = value.toString();
    if (number === PART.ordinal && typeof value === "bigint") ordinal = Number(value);
  }
  return { id, ordinal, isLast };
}

/**
 * Entries of a stream of messages, in the batches of its chunks.
 *
 * @throws {InvalidArgumentError} It is none, or ends in the middle of an entry.
 */
export async function* decodeEntries(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<readonly LogEntry[]> {
  let pending: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    pending = pending.byteLength === 0 ? Buffer.from(chunk) : Buffer.concat([pending, chunk]);
    const entries: LogEntry[] = [];
    let at = 0;
    while (pending.byteLength - at >= LENGTH_BYTES) {
      const length = pending.readUInt32BE(at);
      if (length > ENTRY_MAX_BYTES) throw malformed();
      const end = at + LENGTH_BYTES + length;
      if (end > pending.byteLength) break;
      entries.push(decodeEntry(pending.subarray(at + LENGTH_BYTES, end)));
      at = end;
    }
    pending = pending.subarray(at);
    if (entries.length > 0) yield entries;
  }
  if (pending.byteLength > 0) throw malformed();
}
