import { InvalidArgumentError, UnsupportedError } from "#base/errors.ts";
import {
  checkedExtents,
  extentPairs,
  gnuExtents,
  sparseDecimal,
  type SparseExtent,
} from "./sparse.ts";

/** One member of a layer's tar, after its extended headers were taken into account. */
export interface PushedEntry {
  readonly type:
    | "file"
    | "hard-link"
    | "symbolic-link"
    | "character-device"
    | "block-device"
    | "directory"
    | "fifo";
  /** As the tar has it: perhaps with `./`, a leading or trailing slash, or worse. */
  readonly name: string;
  readonly linkName: string;
  /** Length of the file, holes included; 0 for all but files. */
  readonly sizeBytes: number;
  /** Where the data that follow lie in a sparse file; absent for one without holes. */
  readonly extents?: readonly SparseExtent[];
  /** Permission, set-id and sticky bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeSeconds: number;
  readonly mtimeNanos: number;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  readonly xattrs: readonly (readonly [name: string, value: Uint8Array])[];
}

/** What PAX records and GNU long names say about the next entry. */
export interface Extensions {
  readonly name?: string;
  readonly linkName?: string;
  readonly sizeBytes?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: string;
  readonly xattrs?: readonly (readonly [name: string, value: Uint8Array])[];
  /** GNU's sparse records, without their common prefix: `map`, `realsize`. */
  readonly sparse?: Readonly<Record<string, string>>;
}

/** The fixed part of a header block. */
export interface RawHeader {
  /** The type flag as a character code. */
  readonly typeFlag: number;
  readonly name: string;
  readonly linkName: string;
  readonly sizeBytes: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeSeconds: number;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
}

export const BLOCK_BYTES = 512;
/** Largest PAX header or GNU long name that is read, in bytes. */
export const EXTENSION_MAX_BYTES: number = 1024 * 1024;
const NAME_MAX_BYTES = 4096;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** @throws {InvalidArgumentError} When the bytes are no UTF-8. */
function decodeName(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    const shown = Buffer.from(bytes.subarray(0, 200)).toString("latin1");
    throw new UnsupportedError(`Cannot read tar: name ${JSON.stringify(shown)} is not UTF-8`, {
      cause,
    });
  }
}

function text(block: Buffer, start: number, length: number): string {
  let end = start;
  let isAscii = true;
  const limit = start + length;
  for (; end < limit; end++) {
    const byte = block[end];
    if (byte === 0 || byte === undefined) break;
    if (byte >= 0x80) isAscii = false;
  }
  return isAscii ? block.toString("latin1", start, end) : decodeName(block.subarray(start, end));
}

/** Octal digits, or GNU's base 256 where the first bit is set. */
function numeric(block: Buffer, start: number, length: number): number {
  const first = block[start] ?? 0;
  if (first & 0x80) {
    // negative ones (first byte 0xff) are times before 1970
    let value = first === 0xff ? -1 : first & 0x7f;
    for (let at = start + 1; at < start + length; at++) value = value * 256 + (block[at] ?? 0);
    if (!Number.isSafeInteger(value)) throw damaged("a number is out of range");
    return value;
  }
  let value = 0;
  let hasDigits = false;
  for (let at = start; at < start + length; at++) {
    const byte = block[at] ?? 0;
    if (byte >= 0x30 && byte <= 0x37) {
      value = value * 8 + byte - 0x30;
      hasDigits = true;
    } else if (byte === 0x20 && !hasDigits) continue;
    else if (byte === 0 || byte === 0x20) break;
    else throw damaged("a number is not octal");
  }
  return value;
}

function damaged(why: string): InvalidArgumentError {
  return new InvalidArgumentError(`archive/tar: invalid tar header: ${why}`);
}

function checksumMatches(block: Buffer, wanted: number): boolean {
  let unsigned = 8 * 0x20;
  let signed = unsigned;
  for (let at = 0; at < BLOCK_BYTES; at++) {
    if (at >= 148 && at < 156) continue;
    const byte = block[at] ?? 0;
    unsigned += byte;
    signed += byte < 0x80 ? byte : byte - 256;
  }
  return wanted === unsigned || wanted === signed;
}

/**
 * @param block Exactly 512 bytes, not all zero.
 * @throws {InvalidArgumentError} Wrong checksum or numbers, in the words of Go's reader.
 */
export function parseHeader(block: Buffer): RawHeader {
  if (!checksumMatches(block, numeric(block, 148, 8))) throw damaged("the checksum is wrong");
  const isUstar = block.toString("latin1", 257, 262) === "ustar";
  const isGnu = isUstar && block[262] === 0x20;
  const prefix = isUstar && !isGnu ? text(block, 345, 155) : "";
  const name = text(block, 0, 100);
  const typeFlag = block[156] ?? 0;
  const isDevice = typeFlag === 0x33 || typeFlag === 0x34;
  return {
    typeFlag,
    name: prefix === "" ? name : `${prefix}/${name}`,
    linkName: text(block, 157, 100),
    sizeBytes: numeric(block, 124, 12),
    mode: numeric(block, 100, 8) & 0o7777,
    uid: numeric(block, 108, 8),
    gid: numeric(block, 116, 8),
    mtimeSeconds: numeric(block, 136, 12),
    deviceMajor: isDevice && isUstar ? numeric(block, 329, 8) : 0,
    deviceMinor: isDevice && isUstar ? numeric(block, 337, 8) : 0,
  };
}

/** The text of a GNU long name or link (`L`, `K`). */
export function parseLongName(data: Uint8Array): string {
  const end = data.indexOf(0);
  return decodeName(end < 0 ? data : data.subarray(0, end));
}

function paxInteger(value: string, key: string): number {
  const number = Number(value);
  if (!/^\d+$/.test(value) || !Number.isSafeInteger(number)) {
    throw damaged(`PAX record "${key}" is no number`);
  }
  return number;
}

/**
 * The records of a PAX header: `25 mtime=1700000000.123\n`, the number counting its own digits.
 *
 * @throws {InvalidArgumentError} Malformed.
 */
export function parsePax(data: Buffer): Extensions {
  let extensions: Extensions = {};
  const xattrs: (readonly [string, Uint8Array])[] = [];
  const sparse: Record<string, string> = {};
  for (let at = 0; at < data.length; ) {
    const space = data.indexOf(0x20, at);
    const digits = space < 0 ? "" : data.toString("latin1", at, space);
    const end = at + Number(digits);
    const equals = data.indexOf(0x3d, space + 1);
    const isWhole = /^\d{1,8}$/.test(digits) && end <= data.length && data[end - 1] === 0x0a;
    if (!isWhole || equals < 0 || equals >= end) throw damaged("a PAX record is malformed");
    const key = decodeName(data.subarray(space + 1, equals));
    const value = data.subarray(equals + 1, end - 1);
    if (key.startsWith("SCHILY.xattr.")) {
      xattrs.push([key.slice("SCHILY.xattr.".length), Uint8Array.from(value)]);
    } else if (key.startsWith(SPARSE_PREFIX)) {
      addSparse(sparse, key.slice(SPARSE_PREFIX.length), value.toString("latin1"));
    } else extensions = { ...extensions, ...paxField(key, value) };
    at = end;
  }
  return {
    ...extensions,
    ...(xattrs.length > 0 ? { xattrs } : {}),
    ...(Object.keys(sparse).length > 0 ? { sparse } : {}),
  };
}

const SPARSE_PREFIX = "GNU.sparse.";

/** The oldest dialect repeats a pair of keys; the next has one list: both become `map`. */
function addSparse(sparse: Record<string, string>, key: string, value: string): void {
  if (key !== "offset" && key !== "numbytes") sparse[key] = value;
  else sparse["map"] = sparse["map"] === undefined ? value : `${sparse["map"]},${value}`;
}

function paxField(key: string, value: Uint8Array): Extensions {
  switch (key) {
    case "path":
      return { name: decodeName(value) };
    case "linkpath":
      return { linkName: decodeName(value) };
    case "size":
      return { sizeBytes: paxInteger(decodeName(value), key) };
    case "uid":
      return { uid: paxInteger(decodeName(value), key) };
    case "gid":
      return { gid: paxInteger(decodeName(value), key) };
    case "mtime":
      return { mtime: decodeName(value) };
    default:
      return {};
  }
}

const TYPES: ReadonlyMap<number, PushedEntry["type"]> = new Map<number, PushedEntry["type"]>([
  [0x00, "file"],
  [0x30, "file"],
  [0x31, "hard-link"],
  [0x32, "symbolic-link"],
  [0x33, "character-device"],
  [0x34, "block-device"],
  [0x35, "directory"],
  [0x36, "fifo"],
  [0x37, "file"],
  [0x53, "file"],
]);

function splitTime(mtime: string): readonly [seconds: number, nanos: number] {
  const match = /^(-?)(\d{1,15})(?:\.(\d*))?$/.exec(mtime);
  if (!match) throw damaged('PAX record "mtime" is no time');
  const whole = Number(match[2]);
  const nanos = Number((match[3] ?? "").slice(0, 9).padEnd(9, "0"));
  if (match[1] === "") return [whole, nanos];
  return nanos === 0 ? [-whole, 0] : [-whole - 1, 1e9 - nanos];
}

/** @throws {InvalidArgumentError} A type that no layer may hold, or a name that is too long. */
export function toPushedEntry(header: RawHeader, extensions: Extensions): PushedEntry {
  const name = extensions.name ?? header.name;
  const linkName = extensions.linkName ?? header.linkName;
  if (Buffer.byteLength(name) >= NAME_MAX_BYTES || Buffer.byteLength(linkName) >= NAME_MAX_BYTES) {
    throw new InvalidArgumentError(
      `Cannot read tar: name "${name.slice(0, 60)}…" is longer than ${NAME_MAX_BYTES - 1} bytes`,
    );
  }
  if (name.includes("\0") || linkName.includes("\0")) throw damaged("a name has a zero byte");
  const flagged = TYPES.get(header.typeFlag);
  if (flagged === undefined) {
    throw new InvalidArgumentError(`unhandled tar header type ${header.typeFlag}`);
  }
  // the tar of Unix V7 had no type for folders
  const type = flagged === "file" && name.endsWith("/") ? "directory" : flagged;
  const sizeBytes = extensions.sizeBytes ?? header.sizeBytes;
  const [mtimeSeconds, mtimeNanos] =
    extensions.mtime === undefined ? [header.mtimeSeconds, 0] : splitTime(extensions.mtime);
  return {
    type,
    name,
    linkName,
    sizeBytes: type === "file" ? sizeBytes : 0,
    mode: header.mode,
    uid: extensions.uid ?? header.uid,
    gid: extensions.gid ?? header.gid,
    mtimeSeconds,
    mtimeNanos,
    deviceMajor: header.deviceMajor,
    deviceMinor: header.deviceMinor,
    xattrs: extensions.xattrs ?? [],
  };
}

/** Where a sparse file's map is: in records, or in blocks before its data. */
export type SparseForm =
  | {
      readonly kind: "records";
      readonly extents: readonly SparseExtent[];
      readonly sizeBytes: number;
    }
  | { readonly kind: "blocks"; readonly sizeBytes: number };

/**
 * What PAX records say of a sparse file, whose size and name they replace.
 *
 * @param dataBytes Length of what follows the header.
 * @throws {InvalidArgumentError} A map that does not fit.
 */
export function sparseForm(
  sparse: Readonly<Record<string, string>>,
  dataBytes: number,
): SparseForm | undefined {
  if (sparse["major"] === "1" && sparse["minor"] === "0") {
    return { kind: "blocks", sizeBytes: sparseDecimal(sparse["realsize"] ?? "") };
  }
  if (sparse["map"] === undefined) return undefined;
  const sizeBytes = sparseDecimal(sparse["size"] ?? "");
  const extents = extentPairs(sparse["map"].split(",").map(sparseDecimal));
  return { kind: "records", extents: checkedExtents(extents, sizeBytes, dataBytes), sizeBytes };
}

/** The first extents of GNU's own sparse type, and whether blocks with more of them follow. */
export function gnuSparse(block: Buffer): {
  readonly extents: readonly SparseExtent[];
  readonly sizeBytes: number;
  readonly continues: boolean;
} {
  return {
    extents: gnuExtents(block, 386, 4),
    sizeBytes: numeric(block, 483, 12),
    continues: block[482] !== 0,
  };
}
