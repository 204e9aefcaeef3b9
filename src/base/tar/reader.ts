import { ByteSource } from "./byte-source.ts";
import {
  BLOCK_BYTES,
  decodeHeader,
  entryType,
  isZeroBlock,
  type RawHeader,
  tarError,
  type TarHeader,
} from "./header.ts";
import { parsePaxRecords, parsePaxTime, type PaxRecords } from "./pax.ts";
import { expandSparse, readGnuSparse, readPaxSparse, type SparseFile } from "./sparse.ts";

export interface TarLimits {
  /** Members, extensions not counted. */
  readonly maxEntries?: number;
  /** Largest pax extension, long name or long link. */
  readonly maxExtensionBytes?: number;
  /** Largest single member, holes included: a sparse map can claim any size. */
  readonly maxEntryBytes?: number;
  /** All bodies together, holes included. */
  readonly maxTotalBytes?: number;
}

export interface TarEntry {
  readonly header: TarHeader;
  /** To be read, wholly or in part, before the next entry is asked for; what is left is skipped. */
  readonly body: AsyncIterable<Uint8Array>;
}

const DEFAULTS: Required<TarLimits> = {
  maxEntries: 10_000_000,
  maxExtensionBytes: 1024 * 1024,
  maxEntryBytes: 2 ** 43,
  maxTotalBytes: Number.MAX_SAFE_INTEGER,
};
const NO_RECORDS: PaxRecords = new Map();

interface Extensions {
  readonly records: PaxRecords;
  readonly longName?: Uint8Array;
  readonly longLink?: Uint8Array;
}

/**
 * Reads a tar stream member by member. After the last the stream is read to its end.
 *
 * @throws {InvalidArgumentError} While iterating: a broken header, a stream that ends too early, a
 *   limit passed. What was yielded before stays valid.
 */
export async function* readTar(
  stream: AsyncIterable<Uint8Array>,
  limits: TarLimits = {},
): AsyncGenerator<TarEntry, void, undefined> {
  const source = new ByteSource(stream);
  const reader = new Reader(source, { ...DEFAULTS, ...limits });
  let isFinished = false;
  try {
    for (;;) {
      const entry = await reader.next();
      if (!entry) break;
      yield entry;
    }
    await source.drain();
    isFinished = true;
  } finally {
    if (!isFinished) await source.close();
  }
}

class Reader {
  readonly #source: ByteSource;
  readonly #limits: Required<TarLimits>;
  /** Bytes of the current member that are still in the stream, without and with padding. */
  #left = 0;
  #padding = 0;
  #entryCount = 0;
  #totalBytes = 0;
  #generation = 0;

  constructor(source: ByteSource, limits: Required<TarLimits>) {
    this.#source = source;
    this.#limits = limits;
  }

  async next(): Promise<TarEntry | undefined> {
    this.#generation++;
    await this.#source.skip(this.#left + this.#padding);
    this.#left = 0;
    this.#padding = 0;
    let extensions: Extensions = { records: NO_RECORDS };
    for (;;) {
      const block = await this.#headerBlock();
      if (!block) {
        if (extensions.records.size > 0 || extensions.longName || extensions.longLink) {
          throw this.#source.truncated();
        }
        return undefined;
      }
      const raw = decodeHeader(block);
      switch (raw.typeFlag) {
        case "x":
          extensions = { ...extensions, records: parsePaxRecords(await this.#extension(raw)) };
          break;
        case "g":
          // Docker ignores global records as well: in practice git's commit ID
          parsePaxRecords(await this.#extension(raw));
          break;
        case "L":
          extensions = { ...extensions, longName: untilNul(await this.#extension(raw)) };
          break;
        case "K":
          extensions = { ...extensions, longLink: untilNul(await this.#extension(raw)) };
          break;
        default:
          return await this.#entry(raw, block, extensions);
      }
    }
  }

  /** `undefined` at the end: two blocks of zeros, or no more bytes, as Go's reader accepts. */
  async #headerBlock(): Promise<Uint8Array | undefined> {
    const block = await this.#source.exactly(BLOCK_BYTES);
    if (!block || !isZeroBlock(block)) return block;
    const second = await this.#source.exactly(BLOCK_BYTES);
    if (second && !isZeroBlock(second)) throw tarError("invalid header: a lone block of zeros");
    return undefined;
  }

  async #extension(raw: RawHeader): Promise<Uint8Array> {
    if (raw.sizeBytes > this.#limits.maxExtensionBytes) {
      throw tarError(
        `an extended header has ${raw.sizeBytes} bytes, the limit is ${this.#limits.maxExtensionBytes}`,
      );
    }
    const bytes = await this.#source.require(raw.sizeBytes);
    await this.#source.skip(paddingOf(raw.sizeBytes));
    return bytes;
  }

  async #entry(raw: RawHeader, block: Uint8Array, extensions: Extensions): Promise<TarEntry> {
    if (++this.#entryCount > this.#limits.maxEntries) {
      throw tarError(`it has more than ${this.#limits.maxEntries} entries`);
    }
    const header = buildHeader(raw, extensions);
    const sizeBytes = header.sizeBytes;
    if (header.type === "file") {
      this.#left = sizeBytes;
      this.#padding = paddingOf(sizeBytes);
    }
    const sparse = await this.#sparse(raw, block, extensions, sizeBytes);
    const realSizeBytes = sparse?.realSizeBytes ?? sizeBytes;
    this.#checkSize(header.name, realSizeBytes);
    const generation = this.#generation;
    const data = (byteCount: number): AsyncIterable<Uint8Array> =>
      this.#data(byteCount, generation);
    return {
      header: {
        ...header,
        sizeBytes: realSizeBytes,
        ...(sparse?.name === undefined ? {} : { name: sparse.name }),
      },
      body: sparse ? expandSparse(sparse, data) : data(sizeBytes),
    };
  }

  #checkSize(name: string, sizeBytes: number): void {
    if (sizeBytes > this.#limits.maxEntryBytes) {
      throw tarError(
        `${JSON.stringify(name.slice(0, 200))} has ${sizeBytes} bytes, the limit is ${this.#limits.maxEntryBytes}`,
      );
    }
    this.#totalBytes += sizeBytes;
    if (this.#totalBytes > this.#limits.maxTotalBytes) {
      throw tarError(`its files have more than ${this.#limits.maxTotalBytes} bytes in all`);
    }
  }

  async #sparse(
    raw: RawHeader,
    block: Uint8Array,
    extensions: Extensions,
    sizeBytes: number,
  ): Promise<SparseFile | undefined> {
    if (raw.typeFlag === "S") return await readGnuSparse(block, sizeBytes, this.#source);
    if (entryType(raw.typeFlag, raw.name) !== "file") return undefined;
    const found = await readPaxSparse(extensions.records, sizeBytes, this.#source);
    if (found) this.#left = found.dataBytes;
    return found?.file;
  }

  async *#data(byteCount: number, generation: number): AsyncIterable<Uint8Array> {
    let wanted = byteCount;
    while (wanted > 0) {
      if (generation !== this.#generation)
        throw tarError("a body was read after the next entry was asked for");
      const piece = await this.#source.some(wanted);
      if (!piece) throw this.#source.truncated();
      wanted -= piece.byteLength;
      this.#left -= piece.byteLength;
      yield piece;
    }
  }
}

function paddingOf(sizeBytes: number): number {
  return (BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES;
}

function untilNul(bytes: Uint8Array): Uint8Array {
  const end = bytes.indexOf(0);
  return end < 0 ? bytes : bytes.subarray(0, end);
}

function decodeText(bytes: Uint8Array): { readonly text: string; readonly raw?: Uint8Array } {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  // only where something was replaced can the text differ from the bytes
  if (!text.includes("\ufffd") || Buffer.from(text).equals(bytes)) return { text };
  return { text, raw: Buffer.from(bytes) };
}

function recordText(records: PaxRecords, key: string): string | undefined {
  const value = records.get(key);
  return value && Buffer.from(value).toString("utf8");
}

function recordNumber(records: PaxRecords, key: string): number | undefined {
  const text = recordText(records, key);
  if (text === undefined) return undefined;
  if (!/^-?[0-9]{1,15}$/.test(text)) throw tarError(`invalid pax record: ${key}`);
  return Number(text);
}

const XATTR_PREFIX = "SCHILY.xattr.";

function readXattrs(records: PaxRecords): ReadonlyMap<string, Uint8Array> {
  const xattrs = new Map<string, Uint8Array>();
  for (const [key, value] of records) {
    if (key.startsWith(XATTR_PREFIX)) xattrs.set(key.slice(XATTR_PREFIX.length), value);
  }
  return xattrs;
}

function buildHeader(raw: RawHeader, { records, longName, longLink }: Extensions): TarHeader {
  const name = decodeText(records.get("path") ?? longName ?? raw.name);
  const link = decodeText(records.get("linkpath") ?? longLink ?? raw.linkName);
  const type = entryType(raw.typeFlag, records.get("path") ?? longName ?? raw.name);
  const size = recordNumber(records, "size") ?? raw.sizeBytes;
  if (size < 0) throw tarError("invalid pax record: size");
  const mtime = recordText(records, "mtime");
  return {
    name: name.text,
    ...(name.raw && { rawName: name.raw }),
    type,
    mode: raw.mode & 0o7777,
    uid: recordNumber(records, "uid") ?? raw.uid,
    gid: recordNumber(records, "gid") ?? raw.gid,
    userName: recordText(records, "uname") ?? Buffer.from(raw.userName).toString("utf8"),
    groupName: recordText(records, "gname") ?? Buffer.from(raw.groupName).toString("utf8"),
    // links, folders and devices have no body, whatever size they claim
    sizeBytes: type === "file" ? size : 0,
    mtimeNanoseconds:
      mtime === undefined ? BigInt(raw.mtimeSeconds) * 1_000_000_000n : parsePaxTime(mtime),
    linkName: link.text,
    ...(link.raw && { rawLinkName: link.raw }),
    deviceMajor: raw.deviceMajor,
    deviceMinor: raw.deviceMinor,
    xattrs: readXattrs(records),
  };
}
