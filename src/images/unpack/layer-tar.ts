import { InvalidArgumentError } from "#base/errors.ts";
import {
  BLOCK_BYTES,
  EXTENSION_MAX_BYTES,
  type Extensions,
  type LayerEntry,
  parseHeader,
  parseLongName,
  parsePax,
  sparse,
  toLayerEntry,
} from "./tar-header.ts";

/** Takes a layer's entries as they are met. Chunks are valid only during the call. */
export interface LayerTarHandler {
  entry(entry: LayerEntry): void;
  /** Only after `entry` of a file with data. */
  data(chunk: Buffer): void;
  /** After the last data of a file; for all other entries at once. */
  entryEnd(): void;
}

const ZERO = Buffer.alloc(BLOCK_BYTES);

/**
 * Reads a tar as its bytes are pushed in, without a promise or copy per entry: at 20,000 files those
 * would take longer than the files. PAX, GNU and old headers are understood.
 *
 * A pushed chunk is a stretch of blocks; what is cut at its end waits in `#partial`.
 */
export class LayerTarParser {
  readonly #handler: LayerTarHandler;
  #state: "header" | "data" | "extension" | "end" = "header";
  readonly #partial: Buffer = Buffer.alloc(BLOCK_BYTES);
  #partialBytes = 0;
  /** Of the data under way. */
  #leftBytes = 0;
  #paddingBytes = 0;
  #extensionFlag = 0;
  #extension: Buffer[] = [];
  #globals: Extensions = {};
  #extensions: Extensions = {};

  constructor(handler: LayerTarHandler) {
    this.#handler = handler;
  }

  /** @throws {InvalidArgumentError} Damaged, or more than this code takes; also whatever the handler throws. */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && this.#state !== "end") {
      at = this.#state === "header" ? this.#takeHeader(chunk, at) : this.#takeData(chunk, at);
    }
  }

  /** @throws {InvalidArgumentError} The tar ends inside an entry. */
  finish(): void {
    // a tar without its two zero blocks is common enough, one that ends within an entry is cut
    if (this.#state === "end") return;
    if (this.#state !== "header" || this.#partialBytes > 0 || this.#paddingBytes > 0) {
      throw new InvalidArgumentError("unexpected EOF");
    }
  }

  #takeHeader(chunk: Buffer, start: number): number {
    const skipped = Math.min(this.#paddingBytes, chunk.length - start);
    this.#paddingBytes -= skipped;
    const at = start + skipped;
    if (at === chunk.length) return at;
    if (this.#partialBytes === 0 && chunk.length - at >= BLOCK_BYTES) {
      this.#header(chunk.subarray(at, at + BLOCK_BYTES));
      return at + BLOCK_BYTES;
    }
    const taken = Math.min(BLOCK_BYTES - this.#partialBytes, chunk.length - at);
    chunk.copy(this.#partial, this.#partialBytes, at, at + taken);
    this.#partialBytes += taken;
    if (this.#partialBytes === BLOCK_BYTES) {
      this.#partialBytes = 0;
      this.#header(this.#partial);
    }
    return at + taken;
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
      case 0x53: // S: GNU sparse file
        throw sparse();
    }
    const entry = toLayerEntry(header, { ...this.#globals, ...this.#extensions });
    this.#extensions = {};
    if (entry.sizeBytes < 0) {
      throw new InvalidArgumentError(`Cannot read tar: size of "${entry.name}" is negative`);
    }
    this.#handler.entry(entry);
    this.#begin("data", entry.sizeBytes);
  }

  #begin(state: "data" | "extension", sizeBytes: number): void {
    this.#state = state;
    this.#leftBytes = sizeBytes;
    this.#paddingBytes = (BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES;
    if (sizeBytes === 0) this.#dataEnd();
  }

  #takeData(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + this.#leftBytes);
    const part = chunk.subarray(at, end);
    this.#leftBytes -= part.length;
    if (this.#state === "data") this.#handler.data(part);
    else this.#extension.push(Buffer.from(part));
    if (this.#leftBytes === 0) this.#dataEnd();
    return end;
  }

  #dataEnd(): void {
    const wasExtension = this.#state === "extension";
    this.#state = "header";
    if (!wasExtension) {
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
