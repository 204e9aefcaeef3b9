import type { DiskFaultCode } from "#base/disk-fault.ts";
import type { ErrorKind } from "#base/errors.ts";
import type { DiffId } from "#spec/digest.ts";

/** What stops a layer that was made to do harm. */
export interface UnpackLimits {
  readonly maxEntries: number;
  /** Of all files together, and of the tar. */
  readonly maxUnpackedBytes: number;
  /** Bytes of tar for one byte of blob, once the tar is over the floor; gzip itself ends at 1,032. */
  readonly maxRatio: number;
  readonly ratioFloorBytes: number;
  /** What must stay free on the file system. */
  readonly minFreeBytes: number;
}

export const DEFAULT_UNPACK_LIMITS: UnpackLimits = {
  maxEntries: 5_000_000,
  maxUnpackedBytes: 100 * 1024 ** 3,
  maxRatio: 2000,
  ratioFloorBytes: 1024 ** 3,
  minFreeBytes: 64 * 1024 * 1024,
};

/** Handed to the child process as one JSON argument. */
export interface UnpackJob {
  readonly blobPath: string;
  /** Where the blob is when it is not at `blobPath` any more. */
  readonly movedPath?: string;
  /** Folder of the layer, which becomes the child's root. */
  readonly directory: string;
  readonly form: "overlay" | "merged";
  /**
   * Of a blob that is still coming in: its whole length. Lines on standard input tell how many bytes of the
   * file are there.
   */
  readonly arrivingBytes?: number;
  /** Of a blob that is a plain tar by this digest: the tar need not be hashed again. */
  readonly plainDiffId?: DiffId;
  readonly limits: UnpackLimits;
  /** The child ends when this is not its parent any more. */
  readonly parentPid: number;
}

export interface UnpackSummary {
  readonly entries: number;
  /** As Docker counts a layer: regular files and the texts of symbolic links. */
  readonly sizeBytes: number;
  /** Folders that no entry named, but that an entry's path needed. */
  readonly impliedDirectories: readonly string[];
}

export type LayerPacking = "none" | "gzip" | "zstd";

export interface UnpackResult extends UnpackSummary {
  readonly diffId: DiffId;
  /** Length of the plain tar. */
  readonly tarBytes: number;
  readonly packing: LayerPacking;
}

/** One line of the child's output. The last is a result or an error. */
export type UnpackReport =
  | { readonly type: "progress"; readonly readBytes: number }
  | { readonly type: "result"; readonly result: UnpackResult }
  | {
      readonly type: "error";
      readonly kind: ErrorKind;
      readonly message: string;
      readonly diskFault?: DiskFaultCode;
    };
