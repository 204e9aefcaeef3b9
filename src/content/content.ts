import type { Digest } from "#spec/digest.ts";

export interface BlobInfo {
  readonly digest: Digest;
  readonly sizeBytes: number;
}

/** Bytes from `offset` up to but not including `end`. */
export interface BlobRange {
  readonly offset: number;
  readonly end: number;
}

export interface IngestExpectation {
  /** Verified while streaming; sha256 is computed when absent. */
  readonly digest?: Digest;
  /** Exactly this many bytes, when known. More than `maxSizeBytes` is refused as it arrives. */
  readonly sizeBytes?: number;
  readonly maxSizeBytes?: number;
  /**
   * Told where the bytes are on their way, of which nobody has verified any, and how many of them may be read there;
   * never of a blob that is there already.
   */
  readonly onWritten?: (path: string, bytes: number) => void;
  /** Holds the blob from the moment it has a name, so that no `collect` comes between. */
  readonly lease?: ContentLease;
}

/**
 * Blobs by digest: manifests, configs, layers, byte for byte as they came. A blob is written to
 * `ingest/`, hashed on the way, synced and renamed to `blobs/<algorithm>/<hex>`, so what has a name is
 * whole. Blobs are kept while a record or a lease names them; `collect` removes the rest.
 */
export interface ContentStore {
  info(digest: Digest): BlobInfo | undefined;
  /** File of a blob, for a child process that reads it itself. */
  pathOf(digest: Digest): string;
  /** @throws {NotFoundError} Unknown digest. */
  read(digest: Digest, range?: BlobRange): AsyncIterable<Uint8Array>;
  /** @throws {InvalidArgumentError} Larger than `maxBytes`. */
  readBytes(digest: Digest, maxBytes: number): Promise<Uint8Array>;
  /**
   * Streams `source` in; a blob that is already there is read through and kept once.
   *
   * @param source Its chunks are the store's: it still reads them when the next are asked for.
   * @throws {InvalidArgumentError} Wrong digest or size, naming both. An abort or error leaves nothing.
   */
  ingest(
    source: AsyncIterable<Uint8Array>,
    expected: IngestExpectation,
    signal: AbortSignal,
  ): Promise<BlobInfo>;
  /**
   * Opens a blob that comes over an unsafe way: what an earlier attempt left of it is there already. One
   * holder at a time.
   *
   * @throws {InternalError} Somebody holds it. Whoever may come second waits for the first.
   */
  openPartial(expected: PartialExpectation, signal: AbortSignal): Promise<PartialBlob>;
  /** A fresh path of the store's own for a file that `adopt` takes over; what stays there goes at the next start. */
  newIngestPath(): string;
  /**
   * Takes a file over that another process of ours has written, synced and hashed: its name is the promise.
   *
   * @param path From `newIngestPath`; gone afterwards.
   */
  adopt(path: string, blob: BlobInfo, lease: ContentLease): Promise<void>;
  list(): readonly BlobInfo[];
  /** Keeps `digests`, and those added later, from being collected until disposed or the daemon ends. */
  lease(): ContentLease;
  /** Whether a transfer under way holds it. */
  isLeased(digest: Digest): boolean;
  /**
   * Removes blobs that neither `isReferenced` nor a lease holds, and parts of blobs that nobody has gone on
   * with for a day.
   */
  collect(isReferenced: (digest: Digest) => boolean): Promise<{ readonly freedBytes: number }>;
}

export interface PartialExpectation {
  readonly digest: Digest;
  /** Of the whole blob; more is refused as it arrives. */
  readonly sizeBytes: number;
  /** Holds the blob from the moment it has a name. */
  readonly lease: ContentLease;
}

/**
 * A blob that grows in place. Disposing it keeps what is there, for the next attempt; `finish` makes it a
 * blob.
 */
export interface PartialBlob extends AsyncDisposable {
  /** Its file, which somebody may read as far as `writtenBytes`. */
  readonly path: string;
  /** Bytes that have come, those of earlier attempts included. */
  readonly receivedBytes: number;
  /** Bytes that can be read from the file. */
  readonly writtenBytes: number;
  /** @throws {InvalidArgumentError} More than the size. {ResourceExhaustedError} No space. */
  append(chunk: Uint8Array): Promise<void>;
  /** Throws away what has come. */
  restart(): Promise<void>;
  /**
   * Verifies size and digest, syncs and gives it its name. After an abort it has none, and can still be
   * gone on with.
   *
   * @throws {InvalidArgumentError} It is another one; nothing of it is kept.
   */
  finish(signal: AbortSignal): Promise<BlobInfo>;
}

export interface ContentLease extends Disposable {
  add(digest: Digest): void;
}
