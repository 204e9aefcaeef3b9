import { InvalidArgumentError } from "#base/errors.ts";
import { BLOCK_BYTES, type TarEntryType, type TarHeader } from "./header.ts";
import { formatPaxRecords, formatPaxTime } from "./pax.ts";

/** One member to write. */
export interface TarMember {
  readonly header: TarHeader;
  /** Exactly `header.sizeBytes` bytes; nothing for all but files. */
  readonly body?: AsyncIterable<Uint8Array> | Iterable<Uint8Array> | Uint8Array;
}

const TYPE_FLAGS: Readonly<Record<TarEntryType, string>> = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  "character-device": "3",
  "block-device": "4",
  directory: "5",
  fifo: "6",
};
/** Largest number in 7 and 11 octal digits. */
const OCTAL_7 = 0o7777777;
const OCTAL_11 = 0o77777777777;
const ZERO_DIGIT = 0x30;
const BLANK = 0x20;
/** Magic and version. */
const USTAR = Buffer.from("ustar\x0000", "latin1");
const NOTHING = new Uint8Array();

function isAscii(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at++) if ((bytes[at] ?? 0) >= 0x80) return false;
  return true;
}

/** Digits by arithmetic, as a text and its bytes for each of 14 numbers of a file took a third of the time of packing it. */
function putOctal(block: Uint8Array, at: number, digits: number, value: number): void {
  let left = value;
  for (let place = at + digits - 1; place >= at; place -= 1) {
    block[place] = ZERO_DIGIT + (left % 8);
    left = Math.floor(left / 8);
  }
}

function putBytes(block: Uint8Array, at: number, bytes: Uint8Array, maxBytes: number): void {
  if (bytes.length > 0)
    block.set(bytes.length > maxBytes ? bytes.subarray(0, maxBytes) : bytes, at);
}

interface Block {
  readonly name: Uint8Array;
  readonly prefix: Uint8Array;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly mtimeSeconds: number;
  readonly typeFlag: string;
  readonly linkName: Uint8Array;
  readonly userName: Uint8Array;
  readonly groupName: Uint8Array;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
}

function encodeBlock(block: Block): Uint8Array {
  const bytes = new Uint8Array(BLOCK_BYTES);
  putBytes(bytes, 0, block.name, 100);
  putOctal(bytes, 100, 7, block.mode);
  putOctal(bytes, 108, 7, block.uid);
  putOctal(bytes, 116, 7, block.gid);
  putOctal(bytes, 124, 11, block.sizeBytes);
  putOctal(bytes, 136, 11, block.mtimeSeconds);
  bytes.fill(BLANK, 148, 156);
  bytes[156] = block.typeFlag.charCodeAt(0);
  putBytes(bytes, 157, block.linkName, 100);
  bytes.set(USTAR, 257);
  putBytes(bytes, 265, block.userName, 31);
  putBytes(bytes, 297, block.groupName, 31);
  putOctal(bytes, 329, 7, block.deviceMajor);
  putOctal(bytes, 337, 7, block.deviceMinor);
  putBytes(bytes, 345, block.prefix, 155);
  let sum = 0;
  for (let at = 0; at < BLOCK_BYTES; at++) sum += bytes[at] ?? 0;
  putOctal(bytes, 148, 6, sum);
  bytes[154] = 0;
  return bytes;
}

/** ustar's two name fields: at most 155 bytes, a slash, at most 100 bytes. */
function splitName(
  name: Uint8Array,
): { readonly name: Uint8Array; readonly prefix: Uint8Array } | undefined {
  if (!isAscii(name)) return undefined;
  if (name.byteLength <= 100) return { name, prefix: NOTHING };
  const searchEnd = Math.min(name.byteLength - (name.at(-1) === 0x2f ? 1 : 0), 156);
  const slash = name.subarray(0, searchEnd).lastIndexOf(0x2f);
  const tail = name.byteLength - slash - 1;
  if (slash <= 0 || tail > 100 || tail === 0) return undefined;
  return { name: name.subarray(slash + 1), prefix: name.subarray(0, slash) };
}

function floorSeconds(nanoseconds: bigint): number {
  const seconds = nanoseconds / 1_000_000_000n;
  const isBelow = nanoseconds % 1_000_000_000n < 0n;
  return Number(isBelow ? seconds - 1n : seconds);
}

function extensionBlocks(
  name: Uint8Array,
  records: ReadonlyMap<string, Uint8Array>,
): readonly Uint8Array[] {
  const body = formatPaxRecords(records);
  const plain = Buffer.from(name)
    .toString("latin1")
    .replace(/[^\x20-\x7e]/g, "_")
    .replace(/\/+$/, "");
  const slash = plain.lastIndexOf("/");
  const extensionName = `${plain.slice(0, slash + 1)}PaxHeaders.0/${plain.slice(slash + 1)}`;
  const block = encodeBlock({
    name: Buffer.from(extensionName.slice(0, 100)),
    prefix: NOTHING,
    mode: 0o644,
    uid: 0,
    gid: 0,
    sizeBytes: body.byteLength,
    mtimeSeconds: 0,
    typeFlag: "x",
    linkName: NOTHING,
    userName: NOTHING,
    groupName: NOTHING,
    deviceMajor: 0,
    deviceMinor: 0,
  });
  return [block, body, padding(body.byteLength)];
}

function padding(sizeBytes: number): Uint8Array {
  return new Uint8Array((BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES);
}

function memberName(header: TarHeader): Uint8Array {
  const name = header.rawName ?? Buffer.from(header.name);
  const needsSlash = header.type === "directory" && name.at(-1) !== 0x2f;
  return needsSlash ? Buffer.concat([name, Buffer.from("/")]) : name;
}

function checkMember(header: TarHeader, name: Uint8Array, link: Uint8Array): void {
  const fail = (reason: string): InvalidArgumentError =>
    new InvalidArgumentError(
      `Cannot write ${JSON.stringify(header.name.slice(0, 200))} to tar: ${reason}`,
    );
  if (name.byteLength === 0 || name.includes(0) || link.includes(0))
    throw fail("its name is empty or has a NUL byte");
  if (header.deviceMajor > OCTAL_7 || header.deviceMinor > OCTAL_7)
    throw fail("its device number is too large");
  if (header.type !== "file" && header.sizeBytes !== 0) throw fail("only files have a body");
  if (!Number.isSafeInteger(header.sizeBytes) || header.sizeBytes < 0)
    throw fail("its size is invalid");
}

/**
 * The blocks before a member's body: one of ustar where all fits, else with a pax extension before
 * it. The same header always gives the same bytes.
 *
 * @throws {InvalidArgumentError} When tar cannot hold it.
 */
export function encodeTarHeader(header: TarHeader): Uint8Array {
  const name = memberName(header);
  const link = header.rawLinkName ?? Buffer.from(header.linkName);
  checkMember(header, name, link);
  const records = new Map<string, Uint8Array>();
  const text = (key: string, value: string | Uint8Array): void => {
    records.set(key, typeof value === "string" ? Buffer.from(value) : value);
  };
  const number = (key: string, value: number, max: number): number => {
    if (value >= 0 && value <= max) return value;
    text(key, String(value));
    return 0;
  };
  const short = (key: string, value: Uint8Array, maxBytes: number): Uint8Array => {
    if (value.byteLength <= maxBytes && isAscii(value)) return value;
    text(key, value);
    return value.subarray(0, maxBytes).map((byte) => (byte < 0x80 ? byte : 0x5f));
  };
  const split = splitName(name);
  if (!split) text("path", name);
  let mtimeSeconds = floorSeconds(header.mtimeNanoseconds);
  if (
    header.mtimeNanoseconds % 1_000_000_000n !== 0n ||
    mtimeSeconds < 0 ||
    mtimeSeconds > OCTAL_11
  ) {
    text("mtime", formatPaxTime(header.mtimeNanoseconds));
    mtimeSeconds = Math.min(Math.max(mtimeSeconds, 0), OCTAL_11);
  }
  for (const [key, value] of header.xattrs) text(`SCHILY.xattr.${key}`, value);
  const block = encodeBlock({
    name: split?.name ?? name.subarray(0, 100).map((byte) => (byte < 0x80 ? byte : 0x5f)),
    prefix: split?.prefix ?? NOTHING,
    mode: header.mode & 0o7777,
    uid: number("uid", header.uid, OCTAL_7),
    gid: number("gid", header.gid, OCTAL_7),
    sizeBytes: number("size", header.sizeBytes, OCTAL_11),
    mtimeSeconds,
    typeFlag: TYPE_FLAGS[header.type],
    linkName: short("linkpath", link, 100),
    userName: short("uname", Buffer.from(header.userName), 31),
    groupName: short("gname", Buffer.from(header.groupName), 31),
    deviceMajor: header.deviceMajor,
    deviceMinor: header.deviceMinor,
  });
  if (records.size === 0) return block;
  return Buffer.concat([...extensionBlocks(name, records), block]);
}

async function* bodyOf(member: TarMember): AsyncIterable<Uint8Array> {
  const { header, body } = member;
  let written = 0;
  const fail = (reason: string): InvalidArgumentError =>
    new InvalidArgumentError(
      `Cannot write ${JSON.stringify(header.name.slice(0, 200))} to tar: ${reason}, want ${header.sizeBytes} bytes`,
    );
  const chunks = body instanceof Uint8Array ? [body] : (body ?? []);
  for await (const chunk of chunks) {
    written += chunk.byteLength;
    // a file that grows while it is read must not shift what follows
    if (written > header.sizeBytes) throw fail("its body is too long");
    if (chunk.byteLength > 0) yield chunk;
  }
  if (written < header.sizeBytes) throw fail(`its body ended after ${written} bytes`);
  const rest = padding(written);
  if (rest.byteLength > 0) yield rest;
}

/** What ends an archive: two blocks of zeros. */
export function tarTrailer(): Uint8Array {
  return new Uint8Array(2 * BLOCK_BYTES);
}

/**
 * Writes members as one archive.
 *
 * @throws {InvalidArgumentError} While iterating, when a body does not have its header's size.
 */
export async function* writeTar(
  members: AsyncIterable<TarMember> | Iterable<TarMember>,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const member of members) {
    yield encodeTarHeader(member.header);
    yield* bodyOf(member);
  }
  yield tarTrailer();
}
