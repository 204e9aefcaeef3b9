import type { Digest } from "#spec/digest.ts";

export interface BlobInfo {
  readonly digest: Digest;
  readonly sizeBytes: number;
}

export interface IngestExpectation {
  /** Verified while streaming; sha256 is computed when absent. */
  readonly digest?: Digest;
  /** Exactly this many bytes, when known. More than `maxSizeBytes` is refused as it arrives. */
  readonly sizeBytes?: number;
  readonly maxSizeBytes?: number;
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
  read(digest: Digest): AsyncIterable<Uint8Array>;
  /** @throws {InvalidArgumentError} Larger than `maxBytes`. */
  readBytes(digest: Digest, maxBytes: number): Promise<Uint8Array>;
  /**
   * Streams `source` in; a blob that is already there is read through and kept once.
   * @throws {InvalidArgumentError} Wrong digest or size, naming both. An abort or error leaves nothing.
   */
  ingest(
    source: AsyncIterable<Uint8Array>,
    expected: IngestExpectation,
    signal: AbortSignal,
  ): Promise<BlobInfo>;
  list(): readonly BlobInfo[];
  /** Keeps `digests`, and those added later, from being collected until disposed or the daemon ends. */
  lease(): ContentLease;
  /** Whether a transfer under way holds it. */
  isLeased(digest: Digest): boolean;
  /** Removes blobs that neither `isReferenced` nor a lease holds, and abandoned ingests. */
  collect(isReferenced: (digest: Digest) => boolean): Promise<{ readonly freedBytes: number }>;
}

export interface ContentLease extends Disposable {
  add(digest: Digest): void;
}
