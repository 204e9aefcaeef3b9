import { HEADER_BYTES, TYPE } from "./constants.ts";

/** A name has at most 255 bytes, the closing zero included (RFC 1035, 3.1). */
const MAX_NAME_BYTES = 255;
/** A name of 127 one-letter labels, each reached by a pointer. */
const MAX_POINTERS = 127;

/** One record as it stands in a message. */
interface RecordPlace {
  readonly type: number;
  /** For OPT: the UDP size. */
  readonly class: number;
  /** For OPT: extended code, version, flags. */
  readonly ttl: number;
  /** Where the next record begins. */
  readonly end: number;
}

/**
 * Follows a name that is written without compression, as in a question.
 *
 * @returns Where the name ends, behind its zero; -1 when it is malformed or has a pointer.
 */
export function endOfPlainName(message: Buffer, start: number): number {
  for (let at = start; at < message.length; ) {
    const length = message[at] ?? 0;
    at += length + 1;
    if (length > 63 || at - start > MAX_NAME_BYTES) return -1;
    if (length === 0) return at;
  }
  return -1;
}

/**
 * Follows a name that may be compressed. A pointer may lead backwards only, so that no chain of them has a circle.
 *
 * @returns Where the name ends in place; -1 when it is malformed.
 */
export function endOfName(message: Buffer, start: number): number {
  let end = -1;
  let nameBytes = 0;
  let lowest = start;
  for (let at = start, pointers = 0; at < message.length; ) {
    const length = message[at] ?? 0;
    if (length === 0) return end < 0 ? at + 1 : end;
    if (length >= 0xc0) {
      if (at + 1 >= message.length) return -1;
      if (end < 0) end = at + 2;
      const target = ((length & 0x3f) << 8) | (message[at + 1] ?? 0);
      pointers += 1;
      if (target >= lowest || target < HEADER_BYTES || pointers > MAX_POINTERS) return -1;
      lowest = target;
      at = target;
      continue;
    }
    at += length + 1;
    nameBytes += length + 1;
    if (length > 63 || nameBytes >= MAX_NAME_BYTES) return -1;
  }
  return -1;
}

/** @returns Undefined when the record is malformed or reaches beyond the message. */
export function readRecord(message: Buffer, start: number): RecordPlace | undefined {
  const at = endOfName(message, start);
  if (at < 0 || at + 10 > message.length) return undefined;
  const end = at + 10 + message.readUInt16BE(at + 8);
  if (end > message.length) return undefined;
  return {
    type: message.readUInt16BE(at),
    class: message.readUInt16BE(at + 2),
    ttl: message.readUInt32BE(at + 4),
    end,
  };
}

/**
 * Whether a message is whole: as many records as its header counts, none reaching beyond it.
 *
 * @param start Where the records begin, behind the question.
 */
export function hasWholeRecords(message: Buffer, start: number): boolean {
  const count = message.readUInt16BE(6) + message.readUInt16BE(8) + message.readUInt16BE(10);
  let at = start;
  for (let left = count; left > 0; left -= 1) {
    const record = readRecord(message, at);
    if (!record) return false;
    at = record.end;
  }
  return true;
}

/** The OPT record among those that begin at `start`; "malformed" when one of them is. */
export function findOpt(
  message: Buffer,
  start: number,
  count: number,
): RecordPlace | "malformed" | undefined {
  let found: RecordPlace | undefined;
  let at = start;
  for (let left = count; left > 0; left -= 1) {
    const record = readRecord(message, at);
    if (!record) return "malformed";
    if (record.type === TYPE.opt) found = record;
    at = record.end;
  }
  return found;
}
