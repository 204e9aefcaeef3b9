import type { ByteRange } from "#spec/distribution/byte-ranges.ts";
import type { Digest } from "#spec/digest.ts";

/** Where an upload's bytes lie, in the driver's own words; the metadata keeps it between requests. */
export type UploadState = string;
/** Where a blob's bytes lie, in the driver's own words. */
export type BlobPlace = string;

export interface Appended {
  readonly state: UploadState;
  /** Size of the upload now. */
  readonly sizeBytes: number;
  /** Why the body ended early; what came before it is kept. */
  readonly failure?: unknown;
}

/** A thing in the storage that metadata may have forgotten. */
export interface StoredThing {
  readonly place: BlobPlace;
  readonly modifiedMs: number;
  /** The upload that it belongs to, if that is there. */
  readonly uploadId?: string;
  /** What the place of the blob that it belongs to begins with, if that is there. */
  readonly placePrefix?: string;
}

/**
 * Bytes of uploads and blobs. It knows no repositories and trusts its caller with digests: a blob is there for clients
 * when the metadata says so, and then it is whole and synced.
 */
export interface BlobStorage {
  /** Least size of a chunk, save the last, that the driver handles well; 0 for any. */
  readonly chunkMinBytes: number;
  beginUpload(id: string): Promise<UploadState>;
  /**
   * Adds `body` behind the first `offsetBytes` of the upload; what lies beyond is of a broken attempt and dropped.
   * Never throws for a body that breaks off.
   */
  append(
    id: string,
    state: UploadState,
    offsetBytes: number,
    body: AsyncIterable<Uint8Array>,
  ): Promise<Appended>;
  readUpload(id: string, state: UploadState, sizeBytes: number): AsyncIterable<Uint8Array>;
  /** Makes the upload's first `sizeBytes` the blob's bytes, durably. */
  publish(id: string, state: UploadState, digest: Digest, sizeBytes: number): Promise<BlobPlace>;
  discardUpload(id: string, state: UploadState): Promise<void>;
  /** Body of an answer: the whole, or a part. */
  body(place: BlobPlace, sizeBytes: number, range?: ByteRange): Bun.BodyInit;
  remove(place: BlobPlace): Promise<void>;
  /** All that is stored, uploads and blobs, for the search for what nobody knows. */
  list(): AsyncIterable<StoredThing>;
  /** @throws {UnavailableError} When it cannot be used now. */
  check(): Promise<void>;
}
