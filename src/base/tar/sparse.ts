import type { ByteSource } from "./byte-source.ts";
import { BLOCK_BYTES, parseNumeric, tarError } from "./header.ts";
import type { PaxRecords } from "./pax.ts";

/** Where data lies in a file whose holes were left out of the archive. */
export interface SparseExtent {
  readonly offset: number;
  readonly length: number;
}

export interface SparseFile {
  readonly extents: readonly SparseExtent[];
  /** Size with its holes. */
  readonly realSizeBytes: number;
  /** Set by the pax dialect, which hides the real name in a record. */
  readonly name?: string;
}

export const MAX_EXTENTS = 100_000;

/**
 * @returns `extents`, whose lengths add up to `dataBytes`.
 * @throws {InvalidArgumentError} They overlap, exceed the file or do not fit the data.
 */
export function checkedExtents(
  extents: readonly SparseExtent[],
  realSizeBytes: number,
  dataBytes: number,
): readonly SparseExtent[] {
  let end = 0;
  let total = 0;
  for (const { offset, length } of extents) {
    if (offset < end || length < 0 || offset + length > realSizeBytes)
      throw tarError("invalid sparse map");
    end = offset + length;
    total += length;
  }
  if (total !== dataBytes) throw tarError("invalid sparse map: it does not fit the data");
  return extents;
}

/** Offsets and lengths in turn. @throws {InvalidArgumentError} An odd number of them, or too many. */
export function extentPairs(numbers: readonly number[]): readonly SparseExtent[] {
  if (numbers.length % 2 !== 0 || numbers.length / 2 > MAX_EXTENTS)
    throw tarError("invalid sparse map");
  const extents: SparseExtent[] = [];
  for (let index = 0; index < numbers.length; index += 2) {
    extents.push({ offset: numbers[index] ?? 0, length: numbers[index + 1] ?? 0 });
  }
  return extents;
}

export function sparseDecimal(text: string): number {
  if (!/^[0-9]{1,15}$/.test(text)) throw tarError("invalid sparse map");
  return Number(text);
}

export function gnuExtents(
  block: Uint8Array,
  offset: number,
  count: number,
): readonly SparseExtent[] {
  const extents: SparseExtent[] = [];
  for (let index = 0; index < count; index++) {
    const at = offset + index * 24;
    if (block[at] === 0) break;
    extents.push({
      offset: parseNumeric(block.subarray(at, at + 12)),
      length: parseNumeric(block.subarray(at + 12, at + 24)),
    });
  }
  return extents;
}

/** GNU's own type `S`: four extents in the header, more in blocks behind it. */
export async function readGnuSparse(
  header: Uint8Array,
  dataBytes: number,
  source: ByteSource,
): Promise<SparseFile> {
  const extents = [...gnuExtents(header, 386, 4)];
  const realSizeBytes = parseNumeric(header.subarray(483, 495));
  let isExtended = header[482] !== 0;
  while (isExtended) {
    const block = await source.require(BLOCK_BYTES);
    extents.push(...gnuExtents(block, 0, 21));
    if (extents.length > MAX_EXTENTS) throw tarError("invalid sparse map: it is too long");
    isExtended = block[504] !== 0;
  }
  return { extents: checkedExtents(extents, realSizeBytes, dataBytes), realSizeBytes };
}

function text(records: PaxRecords, key: string): string | undefined {
  const value = records.get(key);
  return value && Buffer.from(value).toString("utf8");
}

/**
 * The pax dialects: 0.0 and 0.1 have the map in records, 1.0 has it before the data.
 *
 * @returns The file and how many bytes of data are left to read; `undefined` for a whole file.
 */
export async function readPaxSparse(
  records: PaxRecords,
  sizeBytes: number,
  source: ByteSource,
): Promise<{ readonly file: SparseFile; readonly dataBytes: number } | undefined> {
  const major = text(records, "GNU.sparse.major");
  const minor = text(records, "GNU.sparse.minor");
  const map = text(records, "GNU.sparse.map");
  const name = text(records, "GNU.sparse.name");
  const named = name === undefined ? {} : { name };
  if (major === "1" && minor === "0") {
    const realSizeBytes = sparseDecimal(text(records, "GNU.sparse.realsize") ?? "");
    const { extents, readBytes } = await readMapBlocks(source, sizeBytes);
    const dataBytes = sizeBytes - readBytes;
    return {
      file: { extents: checkedExtents(extents, realSizeBytes, dataBytes), realSizeBytes, ...named },
      dataBytes,
    };
  }
  if (map === undefined) return undefined;
  const realSizeBytes = sparseDecimal(text(records, "GNU.sparse.size") ?? "");
  const extents = extentPairs(map.split(",").map(sparseDecimal));
  return {
    file: { extents: checkedExtents(extents, realSizeBytes, sizeBytes), realSizeBytes, ...named },
    dataBytes: sizeBytes,
  };
}

/** Decimal lines (count, then offset and length of each) padded to whole blocks. */
async function readMapBlocks(
  source: ByteSource,
  sizeBytes: number,
): Promise<{ readonly extents: readonly SparseExtent[]; readonly readBytes: number }> {
  let lines = "";
  let readBytes = 0;
  let wanted = 1;
  for (;;) {
    const found = lines.split("\n");
    if (found.length > 1) wanted = 1 + 2 * sparseDecimal(found[0] ?? "");
    if (wanted > 1 + 2 * MAX_EXTENTS) throw tarError("invalid sparse map: it is too long");
    if (found.length > wanted) {
      return { extents: extentPairs(found.slice(1, wanted).map(sparseDecimal)), readBytes };
    }
    if (readBytes + BLOCK_BYTES > sizeBytes) throw tarError("invalid sparse map");
    lines += Buffer.from(await source.require(BLOCK_BYTES)).toString("latin1");
    readBytes += BLOCK_BYTES;
  }
}

const ZEROS = new Uint8Array(64 * 1024);

/** The file with its holes filled. Chunks of zeros are shared: do not write into them. */
export async function* expandSparse(
  file: SparseFile,
  data: (byteCount: number) => AsyncIterable<Uint8Array>,
): AsyncIterable<Uint8Array> {
  let at = 0;
  for (const { offset, length } of file.extents) {
    yield* zeros(offset - at);
    yield* data(length);
    at = offset + length;
  }
  yield* zeros(file.realSizeBytes - at);
}

function* zeros(byteCount: number): Iterable<Uint8Array> {
  for (let left = byteCount; left > 0; left -= ZEROS.byteLength) {
    yield left >= ZEROS.byteLength ? ZEROS : ZEROS.subarray(0, left);
  }
}
