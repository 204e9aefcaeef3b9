import { InvalidArgumentError } from "#base/errors.ts";
import { cleanPath } from "#base/posix-path.ts";
import { readTar } from "#base/tar/reader.ts";
import type { BlobInfo, ContentLease, ContentStore } from "#content/content.ts";
import type { ArrivingBlob } from "#images/layers.ts";
import type { UnpackedAhead } from "#images/unpacked-ahead.ts";
import { ArrivingFile } from "./arriving-file.ts";
import { digestOfBlobPath } from "./blob-path.ts";

/** Smaller files are kept in memory: they are configs and manifests, of which most are not stored. */
const MEMORY_FILE_BYTES = 1024 * 1024;
const MEMORY_TOTAL_BYTES = 64 * 1024 * 1024;
const MAX_ENTRIES = 100_000;
const MAX_LINKS = 40;
/** What is unpacked before anybody knows whether it is a layer; an image has at most 125. */
const MAX_AHEAD = 125;

type SpooledFile =
  | { readonly kind: "memory"; readonly bytes: Buffer }
  | { readonly kind: "blob"; readonly info: BlobInfo; readonly ahead?: UnpackedAhead }
  | { readonly kind: "link"; readonly target: string };

export interface ArchiveSpoolOptions {
  readonly content: ContentStore;
  readonly lease: ContentLease;
  /** Begins to unpack what may be a layer, while it comes. Absent: most would be in vain. */
  readonly unpackAhead?: (blob: BlobInfo, arriving: ArrivingBlob) => UnpackedAhead | undefined;
}

/**
 * The files of an image archive, large ones as leased blobs. Nothing is ever written under a name from
 * the archive: names are only looked up, so none can lead anywhere.
 */
export class ArchiveSpool implements AsyncDisposable {
  readonly #options: ArchiveSpoolOptions;
  readonly #content: ContentStore;
  readonly #lease: ContentLease;
  readonly #files = new Map<string, SpooledFile>();
  readonly #aheads: UnpackedAhead[] = [];
  #memoryBytes = 0;

  constructor(options: ArchiveSpoolOptions) {
    this.#options = options;
    this.#content = options.content;
    this.#lease = options.lease;
  }

  /** @throws {InvalidArgumentError} The tar is damaged, cut short, or has too many entries. */
  async fill(source: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
    for await (const { header, body } of readTar(source, { maxEntries: MAX_ENTRIES })) {
      signal.throwIfAborted();
      const path = normalised(header.name);
      switch (header.type) {
        case "file":
          this.#files.set(path, await this.#take(path, header.sizeBytes, body, signal));
          break;
        case "symlink": {
          const folder = path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "";
          const { linkName } = header;
          const target = normalised(linkName.startsWith("/") ? linkName : `${folder}/${linkName}`);
          this.#files.set(path, { kind: "link", target });
          break;
        }
        case "hardlink":
          this.#files.set(path, { kind: "link", target: normalised(header.linkName) });
          break;
        case "directory":
        case "character-device":
        case "block-device":
        case "fifo":
          break;
      }
    }
  }

  /** Puts a file beside those of the archive; its path may be one that no archive can have. */
  add(path: string, bytes: Uint8Array): void {
    this.#files.set(path, { kind: "memory", bytes: Buffer.from(bytes) });
  }

  has(path: string): boolean {
    return this.#find(path) !== undefined;
  }

  /**
   * Contents of a small file.
   *
   * @returns Undefined when it is not in the archive.
   * @throws {InvalidArgumentError} Larger than `maxBytes`.
   */
  async bytes(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
    const file = this.#find(path);
    if (!file) return undefined;
    const sizeBytes = file.kind === "memory" ? file.bytes.length : file.info.sizeBytes;
    if (sizeBytes > maxBytes) {
      throw new InvalidArgumentError(
        `Cannot read image archive: ${JSON.stringify(path.slice(0, 200))} has ${sizeBytes} bytes, ` +
          `the limit is ${maxBytes}`,
      );
    }
    if (file.kind === "memory") return file.bytes;
    return await this.#content.readBytes(file.info.digest, maxBytes);
  }

  /** The file as a leased blob. @returns Undefined when it is not in the archive. */
  async blob(path: string, signal: AbortSignal): Promise<BlobInfo | undefined> {
    const file = this.#find(path);
    if (file?.kind === "blob") return file.info;
    if (!file) return undefined;
    const info = await this.#content.ingest(once(file.bytes), { lease: this.#lease }, signal);
    this.#files.set(normalised(path), { kind: "blob", info });
    return info;
  }

  /** The first bytes of a file, enough to tell how it is packed. */
  async head(path: string): Promise<Uint8Array> {
    const file = this.#find(path);
    if (file?.kind === "memory") return file.bytes.subarray(0, 16);
    if (!file) return new Uint8Array();
    for await (const chunk of this.#content.read(file.info.digest)) return chunk.subarray(0, 16);
    return new Uint8Array();
  }

  /** A layer's files, where they were unpacked while it came. */
  ahead(path: string): UnpackedAhead | undefined {
    const file = this.#find(path);
    return file?.kind === "blob" ? file.ahead : undefined;
  }

  /** Removes what was unpacked in vain. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const ahead of this.#aheads.splice(0)) await ahead[Symbol.asyncDispose]();
  }

  #find(path: string): Exclude<SpooledFile, { readonly kind: "link" }> | undefined {
    let at = this.#files.has(path) ? path : normalised(path);
    for (let hops = 0; hops < MAX_LINKS; hops++) {
      const file = this.#files.get(at);
      if (file?.kind !== "link") return file;
      at = file.target;
    }
    return undefined;
  }

  async #take(
    path: string,
    sizeBytes: number,
    data: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<SpooledFile> {
    const isSmall =
      sizeBytes <= MEMORY_FILE_BYTES && this.#memoryBytes + sizeBytes <= MEMORY_TOTAL_BYTES;
    if (!isSmall) return await this.#ingest(path, sizeBytes, data, signal);
    this.#memoryBytes += sizeBytes;
    // copied: the chunks share the memory of what was received
    const bytes = Buffer.allocUnsafe(sizeBytes);
    let at = 0;
    for await (const chunk of data) {
      bytes.set(chunk, at);
      at += chunk.byteLength;
    }
    return { kind: "memory", bytes };
  }

  async #ingest(
    path: string,
    sizeBytes: number,
    data: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<SpooledFile> {
    const expected = { sizeBytes, lease: this.#lease };
    const digest = digestOfBlobPath(path);
    // the layers of a blob that is there already are, in most cases, too
    const file =
      digest && !this.#content.info(digest) ? new ArrivingFile({ digest, sizeBytes }) : undefined;
    const ahead = file && this.#unpackAhead(file);
    if (!ahead) {
      return { kind: "blob", info: await this.#content.ingest(data, expected, signal) };
    }
    try {
      const onWritten = (at: string, bytes: number): void => file.reach(at, bytes);
      const info = await this.#content.ingest(data, { ...expected, onWritten }, signal);
      file.end(info);
      return { kind: "blob", info, ahead };
    } catch (error) {
      file.fail(error);
      throw error;
    }
  }

  #unpackAhead(file: ArrivingFile): UnpackedAhead | undefined {
    if (this.#aheads.length >= MAX_AHEAD) return undefined;
    const ahead = this.#options.unpackAhead?.(file.claimed, file);
    if (ahead) this.#aheads.push(ahead);
    return ahead;
  }
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

/** Relative to the archive's root, whatever it pretends to be. */
function normalised(path: string): string {
  return cleanPath(`/${path}`).slice(1);
}
