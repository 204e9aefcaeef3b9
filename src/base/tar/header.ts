import { InvalidArgumentError } from "#base/errors.ts";

/**
 * The 512-byte blocks of tar: ustar (POSIX.1-1988), its pax extension (POSIX.1-2001) and GNU's
 * dialect. A pax or GNU extension is a member of its own that comes before the member it describes.
 */

export const BLOCK_BYTES = 512;

export type TarEntryType =
  | "file"
  | "directory"
  | "symlink"
  | "hardlink"
  | "character-device"
  | "block-device"
  | "fifo";

export interface TarHeader {
  /** As in the archive: perhaps absolute, perhaps with `..`; see `cleanMemberPath`. */
  readonly name: string;
  /** Set where the name is not valid UTF-8; `name` then has replacement characters. */
  readonly rawName?: Uint8Array;
  readonly type: TarEntryType;
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly userName: string;
  readonly groupName: string;
  /** Of the body; 0 for all but files. */
  readonly sizeBytes: number;
  /** Since 1970. */
  readonly mtimeNanoseconds: bigint;
  /** Target of a symbolic or hard link. */
  readonly linkName: string;
  readonly rawLinkName?: Uint8Array;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  /** Extended attributes by full name: `security.capability`. */
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
}

/** A header with everything that is not given left at its neutral value. */
export function tarHeader(
  fields: Partial<TarHeader> & Pick<TarHeader, "name" | "type">,
): TarHeader {
  return {
    mode: fields.type === "directory" ? 0o755 : 0o644,
    uid: 0,
    gid: 0,
    userName: "",
    groupName: "",
    sizeBytes: 0,
    mtimeNanoseconds: 0n,
    linkName: "",
    deviceMajor: 0,
    deviceMinor: 0,
    xattrs: new Map(),
    ...fields,
  };
}

/** A block as it stands, before extensions are applied to it. */
export interface RawHeader {
  readonly name: Uint8Array;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly mtimeSeconds: number;
  readonly typeFlag: string;
  readonly linkName: Uint8Array;
  readonly dialect: "v7" | "ustar" | "gnu";
  readonly userName: Uint8Array;
  readonly groupName: Uint8Array;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
}

export function isZeroBlock(block: Uint8Array): boolean {
  for (let at = 0; at < block.length; at++) if (block[at] !== 0) return false;
  return true;
}

export function tarError(reason: string): InvalidArgumentError {
  return new InvalidArgumentError(`Cannot read tar archive: ${reason}`);
}

/** Bytes up to the first NUL. */
function field(block: Uint8Array, offset: number, length: number): Uint8Array {
  const bytes = block.subarray(offset, offset + length);
  const end = bytes.indexOf(0);
  return end < 0 ? bytes : bytes.subarray(0, end);
}

/**
 * Octal digits padded with blanks and NULs, or, with the top bit set, a big-endian two's complement
 * (GNU's base-256) whose next bit is the sign.
 */
export function parseNumeric(bytes: Uint8Array): number {
  const first = bytes[0] ?? 0;
  if ((first & 0x80) !== 0) return parseBase256(bytes);
  let at = 0;
  let end = bytes.length;
  while (at < end && isPadding(bytes[at])) at++;
  while (end > at && isPadding(bytes[end - 1])) end--;
  let value = 0;
  for (; at < end; at++) {
    const digit = (bytes[at] ?? 0) - 0x30;
    if (digit < 0 || digit > 7) throw tarError("invalid header: a number is not octal");
    value = value * 8 + digit;
  }
  return value;
}

function isPadding(byte: number | undefined): boolean {
  return byte === 0 || byte === 0x20;
}

function parseBase256(bytes: Uint8Array): number {
  const isNegative = ((bytes[0] ?? 0) & 0x40) !== 0;
  let value = 0n;
  for (const [index, byte] of bytes.entries()) {
    const digit = index === 0 ? byte & 0x7f : byte;
    value = value * 256n + BigInt(digit);
  }
  const bits = BigInt(bytes.length * 8 - 1);
  const signed = isNegative ? value - (1n << bits) : value;
  if (signed > BigInt(Number.MAX_SAFE_INTEGER) || signed < -BigInt(Number.MAX_SAFE_INTEGER)) {
    throw tarError("invalid header: a number is too large");
  }
  return Number(signed);
}

function checkChecksum(block: Uint8Array): void {
  let unsigned = 0;
  let high = 0;
  // indexed loops: iterators make this six times as slow, and a layer has 100,000 headers
  for (let at = 0; at < BLOCK_BYTES; at++) {
    const byte = at >= 148 && at < 156 ? 0x20 : (block[at] ?? 0);
    unsigned += byte;
    if (byte > 127) high++;
  }
  // old Sun tars summed signed characters
  const signed = unsigned - 256 * high;
  const stored = parseNumeric(block.subarray(148, 156));
  if (stored !== unsigned && stored !== signed) throw tarError("invalid header: wrong checksum");
}

/** @throws {InvalidArgumentError} When the block is no header. */
export function decodeHeader(block: Uint8Array): RawHeader {
  checkChecksum(block);
  const magic = Buffer.from(block.buffer, block.byteOffset + 257, 8).toString("latin1");
  const dialect = magic === "ustar  \0" ? "gnu" : magic.startsWith("ustar\0") ? "ustar" : "v7";
  const prefix = dialect === "ustar" ? field(block, 345, 155) : new Uint8Array();
  const name = field(block, 0, 100);
  const hasDevice = dialect !== "v7";
  const sizeBytes = parseNumeric(block.subarray(124, 136));
  if (sizeBytes < 0) throw tarError("invalid header: the size is negative");
  return {
    name: prefix.length > 0 ? Buffer.concat([prefix, Buffer.from("/"), name]) : name,
    mode: parseNumeric(block.subarray(100, 108)),
    uid: parseNumeric(block.subarray(108, 116)),
    gid: parseNumeric(block.subarray(116, 124)),
    sizeBytes,
    mtimeSeconds: parseNumeric(block.subarray(136, 148)),
    typeFlag: String.fromCharCode(block[156] ?? 0),
    linkName: field(block, 157, 100),
    dialect,
    userName: hasDevice ? field(block, 265, 32) : new Uint8Array(),
    groupName: hasDevice ? field(block, 297, 32) : new Uint8Array(),
    deviceMajor: hasDevice ? parseNumeric(block.subarray(329, 337)) : 0,
    deviceMinor: hasDevice ? parseNumeric(block.subarray(337, 345)) : 0,
  };
}

const TYPES: ReadonlyMap<string, TarEntryType> = new Map<string, TarEntryType>([
  ["\0", "file"],
  ["0", "file"],
  // contiguous files are plain ones everywhere
  ["7", "file"],
  ["S", "file"],
  ["1", "hardlink"],
  ["2", "symlink"],
  ["3", "character-device"],
  ["4", "block-device"],
  ["5", "directory"],
  ["6", "fifo"],
]);

/** @throws {InvalidArgumentError} For a type that an image layer or an upload cannot have. */
export function entryType(typeFlag: string, name: Uint8Array): TarEntryType {
  const type = TYPES.get(typeFlag);
  if (type === undefined) {
    throw tarError(`unhandled tar header type ${typeFlag.charCodeAt(0)}`);
  }
  // V7 had no type for folders
  return type === "file" && typeFlag === "\0" && name.at(-1) === 0x2f ? "directory" : type;
}
