import { InvalidArgumentError } from "#base/errors.ts";
import {
  BLOCK_BYTES,
  EXTENSION_MAX_BYTES,
  type Extensions,
  gnuSparse,
  parseHeader,
  parseLongName,
  parsePax,
  type PushedEntry,
  sparseForm,
  toPushedEntry,
} from "./entry-header.ts";
import {
  checkedExtents,
  extentPairs,
  gnuExtents,
  MAX_EXTENTS,
  sparseDecimal,
  type SparseExtent,
} from "./sparse.ts";

/** Takes an archive's entries as they are met. Chunks are valid only during the call. */
export interface TarPushHandler {
  entry(entry: PushedEntry): void;
  /**
   * Only after `entry` of a file with data.
   *
   * @param position Where in a sparse file it belongs; absent for others, whose data come in order.
   */
  data(chunk: Buffer, position?: number): void;
  /** After the last data of a file; for all other entries at once. */
  entryEnd(): void;
}

const ZERO = Buffer.alloc(BLOCK_BYTES);
/** Of a map in blocks: twice as many numbers as extents, none longer than these digits and a newline. */
const MAP_MAX_BYTES = MAX_EXTENTS * 2 * 16;

/** A sparse file whose map is still being read. */
interface PendingSparse {
  readonly entry: PushedEntry;
  /** GNU's own type has blocks of extents, PAX 1.0 lines of decimals. */
  readonly dialect: "gnu" | "pax";
  readonly sizeBytes: number;
  /** Of map (PAX) and data. */
  readonly storedBytes: number;
  readonly extents: SparseExtent[];
  lines: string;
  newlines: number;
  mapBytes: number;
}

/**
 * Reads a tar as its bytes are pushed in, without a promise or copy per entry: at 20,000 files those
 * would take longer than the files. PAX, GNU and old headers and all sparse dialects are understood.
 *
 * A pushed chunk is a stretch of blocks; what is cut at its end waits in `#partial`.
 */
export class TarPushParser {
  readonly #handler: TarPushHandler;
  #state: "header" | "sparse-map" | "data" | "extension" | "end" = "header";
  readonly #partial: Buffer = Buffer.alloc(BLOCK_BYTES);
  #partialBytes = 0;
  /** Of the data under way. */
  #leftBytes = 0;
  #paddingBytes = 0;
  #allPaddingBytes = 0;
  #extensionFlag = 0;
  #extension: Buffer[] = [];
  #globals: Extensions = {};
  #extensions: Extensions = {};
  #sparse: PendingSparse | undefined;
  /** Of the sparse file under way: its extents that are not filled yet, the next one last, cut as far as it is. */
  #extents: SparseExtent[] | undefined;

  constructor(handler: TarPushHandler) {
    this.#handler = handler;
  }

  /** @throws {InvalidArgumentError} Damaged, or more than this code takes; also whatever the handler throws. */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && this.#state !== "end") {
      const isBlock = this.#state === "header" || this.#state === "sparse-map";
      at = isBlock ? this.#takeBlock(chunk, at) : this.#takeData(chunk, at);
    }
  }

  /** @throws {InvalidArgumentError} The tar ends inside an entry. */
  finish(): void {
    // A tar without its two zero blocks is common enough, one that ends within an entry is cut. The docker client's
    // contexts end with their last byte of data where the Dockerfile is elsewhere (`-f`).
    if (this.#state === "end") return;
    const isInPadding = this.#paddingBytes > 0 && this.#paddingBytes < this.#allPaddingBytes;
    if (this.#state !== "header" || this.#partialBytes > 0 || isInPadding) {
      throw new InvalidArgumentError("unexpected EOF");
    }
  }

  #takeBlock(chunk: Buffer, start: number): number {
    const skipped = Math.min(this.#paddingBytes, chunk.length - start);
    this.#paddingBytes -= skipped;
    const at = start + skipped;
    if (at === chunk.length) return at;
    if (this.#partialBytes === 0 && chunk.length - at >= BLOCK_BYTES) {
      this.#block(chunk.subarray(at, at + BLOCK_BYTES));
      return at + BLOCK_BYTES;
    }
    const taken = Math.min(BLOCK_BYTES - this.#partialBytes, chunk.length - at);
    chunk.copy(this.#partial, this.#partialBytes, at, at + taken);
    this.#partialBytes += taken;
    if (this.#partialBytes === BLOCK_BYTES) {
      this.#partialBytes = 0;
      this.#block(this.#partial);
    }
    return at + taken;
  }

  #block(block: Buffer): void {
    if (this.#sparse) this.#mapBlock(this.#sparse, block);
    else this.#header(block);
  }

  #header(block: Buffer): void {
    if (block[0] === 0 && block.equals(ZERO)) {
      this.#state = "end";
      return;
    }
    const header = parseHeader(block);
    switch (header.typeFlag) {
      case 0x78: // x: PAX
      case 0x67: // g: PAX, for all that follow
      case 0x4c: // L: GNU long name
      case 0x4b: // K: GNU long link
        if (header.sizeBytes < 0 || header.sizeBytes > EXTENSION_MAX_BYTES) {
          throw new InvalidArgumentError(
            `Cannot read tar: an extended header of ${header.sizeBytes} bytes is over the limit`,
          );
        }
        this.#extensionFlag = header.typeFlag;
        this.#begin("extension", header.sizeBytes);
        return;
    }
    const extensions = { ...this.#globals, ...this.#extensions };
    const entry = toPushedEntry(header, extensions);
    this.#extensions = {};
    if (entry.sizeBytes < 0) {
      throw new InvalidArgumentError(`Cannot read tar: size of "${entry.name}" is negative`);
    }
    if (header.typeFlag === 0x53) this.#beginGnuSparse(entry, block);
    else if (entry.type === "file" && extensions.sparse)
      this.#beginPaxSparse(entry, extensions.sparse);
    else this.#beginEntry(entry, entry.sizeBytes);
  }

  #beginEntry(entry: PushedEntry, storedBytes: number): void {
    this.#handler.entry(entry);
    this.#extents = entry.extents?.filter(({ length }) => length > 0).reverse();
    this.#begin("data", storedBytes);
  }

  #beginGnuSparse(entry: PushedEntry, block: Buffer): void {
    const { extents, sizeBytes, continues } = gnuSparse(block);
    const storedBytes = entry.sizeBytes;
    this.#sparse = {
      ...{ entry, dialect: "gnu", sizeBytes, storedBytes, extents: [...extents] },
      ...{ lines: "", newlines: 0, mapBytes: 0 },
    };
    this.#state = "sparse-map";
    if (!continues) this.#endMap(this.#sparse);
  }

  #beginPaxSparse(entry: PushedEntry, records: Readonly<Record<string, string>>): void {
    const form = sparseForm(records, entry.sizeBytes);
    const name = records["name"] ?? entry.name;
    if (!form) this.#beginEntry(entry, entry.sizeBytes);
    else if (form.kind === "records") {
      const { extents, sizeBytes } = form;
      this.#beginEntry({ ...entry, name, extents, sizeBytes }, entry.sizeBytes);
    } else {
      this.#sparse = {
        ...{ entry: { ...entry, name }, dialect: "pax", sizeBytes: form.sizeBytes },
        ...{ storedBytes: entry.sizeBytes, extents: [], lines: "", newlines: 0, mapBytes: 0 },
      };
      this.#state = "sparse-map";
    }
  }

  #mapBlock(sparse: PendingSparse, block: Buffer): void {
    sparse.mapBytes += BLOCK_BYTES;
    if (sparse.dialect === "gnu") {
      sparse.extents.push(...gnuExtents(block, 0, 21));
      if (sparse.extents.length > MAX_EXTENTS) throw invalidMap();
      if (block[504] === 0) this.#endMap(sparse);
      return;
    }
    if (sparse.mapBytes > Math.min(MAP_MAX_BYTES, sparse.storedBytes)) throw invalidMap();
    sparse.lines += block.toString("latin1");
    for (let at = block.indexOf(0x0a); at >= 0; at = block.indexOf(0x0a, at + 1)) sparse.newlines++;
    if (sparse.newlines === 0) return;
    const wanted = 1 + 2 * sparseDecimal(sparse.lines.slice(0, sparse.lines.indexOf("\n")));
    if (sparse.newlines < wanted) return;
    const numbers = sparse.lines.split("\n").slice(1, wanted);
    sparse.extents.push(...extentPairs(numbers.map(sparseDecimal)));
    this.#endMap(sparse);
  }

  #endMap(sparse: PendingSparse): void {
    const { entry, sizeBytes, extents } = sparse;
    const isInData = sparse.dialect === "pax";
    const dataBytes = sparse.storedBytes - (isInData ? sparse.mapBytes : 0);
    this.#sparse = undefined;
    checkedExtents(extents, sizeBytes, dataBytes);
    this.#beginEntry({ ...entry, extents, sizeBytes }, dataBytes);
  }

  #begin(state: "data" | "extension", sizeBytes: number): void {
    this.#state = state;
    this.#leftBytes = sizeBytes;
    this.#allPaddingBytes = (BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES;
    this.#paddingBytes = this.#allPaddingBytes;
    if (sizeBytes === 0) this.#dataEnd();
  }

  #takeData(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + this.#leftBytes);
    const part = chunk.subarray(at, end);
    this.#leftBytes -= part.length;
    if (this.#state !== "data") this.#extension.push(Buffer.from(part));
    else if (this.#extents) this.#spread(part, this.#extents);
    else this.#handler.data(part);
    if (this.#leftBytes === 0) this.#dataEnd();
    return end;
  }

  #spread(chunk: Buffer, extents: SparseExtent[]): void {
    for (let at = 0; at < chunk.length; ) {
      const extent = extents.pop();
      if (!extent) throw invalidMap();
      const part = chunk.subarray(at, at + extent.length);
      this.#handler.data(part, extent.offset);
      at += part.length;
      const left = extent.length - part.length;
      if (left > 0) extents.push({ offset: extent.offset + part.length, length: left });
    }
  }

  #dataEnd(): void {
    const wasExtension = this.#state === "extension";
    this.#state = "header";
    if (!wasExtension) {
      this.#extents = undefined;
      this.#handler.entryEnd();
      return;
    }
    const data = Buffer.concat(this.#extension);
    this.#extension = [];
    switch (this.#extensionFlag) {
      case 0x67:
        this.#globals = { ...this.#globals, ...parsePax(data) };
        return;
      case 0x78:
        this.#extensions = { ...this.#extensions, ...parsePax(data) };
        return;
      case 0x4c:
        this.#extensions = { ...this.#extensions, name: parseLongName(data) };
        return;
      default:
        this.#extensions = { ...this.#extensions, linkName: parseLongName(data) };
    }
  }
}

function invalidMap(): InvalidArgumentError {
  return new InvalidArgumentError("Cannot read tar archive: invalid sparse map");
}
