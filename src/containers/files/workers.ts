import type { LendableBytes } from "#http1/body-loan.ts";
import type { PathStat } from "#spec/engine-api/path-stat.ts";
import type { FilesJob } from "./protocol.ts";

/** A job that was accepted and gives data. Disposal ends it, read or not. */
export interface FilesOutput extends AsyncDisposable {
  readonly stat?: PathStat;
  /**
   * They share one buffer: each is to be consumed before the next is asked for. A new one for each makes the
   * daemon's small heap collect at every few, which takes longer than the rest of the way.
   *
   * Throws what kept the job from its end, after the data that came before.
   */
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** A job that is done. */
export interface FilesDone {
  readonly stat?: PathStat;
  /**
   * Resolves when the worker's process and its mounts are gone, for which the kernel takes longer than for a
   * small job: who asked need not wait for it.
   */
  readonly gone: Promise<void>;
}

/**
 * Work on a container's files, each piece in a process of its own: it sees the container's root as its
 * own root, so that no link in there leads out, and the engine's event loop is free.
 */
export interface FilesWorkers {
  /** A job that gives no data and takes none. @throws What the worker refused; it is gone then. */
  ask(job: FilesJob, signal: AbortSignal): Promise<FilesDone>;
  /** A job that gives data, for the caller to dispose of. @throws What the worker refused before the first byte. */
  open(job: FilesJob, signal: AbortSignal): Promise<FilesOutput>;
  /**
   * A job that takes `input`, which is read only as far as it is needed. As `ask`.
   *
   * What can be lent the worker reads itself: each byte is copied four times in the kernel then, and not six.
   */
  feed(job: FilesJob, input: LendableBytes, signal: AbortSignal): Promise<FilesDone>;
}
