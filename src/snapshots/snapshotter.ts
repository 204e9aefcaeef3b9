/**
 * Root file systems in layers. A *committed* snapshot is read-only, named, and may be a parent; an
 * *active* one is writable and belongs to a key (a container's id, or an extraction under way).
 *
 *   prepare(key, parent) ──> active ──commit(key, name)──> committed
 *                              │ mount(key) / unmount(key)
 *                              └ remove(key)
 *
 * An image's layer is committed under its chain id. The driver keeps nothing in memory that its folder
 * and records do not hold: after a crash `prepare`d keys are still there to be used or removed.
 */
export interface Snapshotter {
  /** `overlay2`, `vfs`, … as docker info names it. */
  readonly driver: string;
  /** Rows that `docker info` shows below the driver: `["Backing Filesystem", "extfs"]`. */
  readonly status: readonly (readonly [name: string, value: string])[];
  /**
   * What `layerDirectory` holds. "overlay": only the layer's own files, removed ones as overlayfs marks
   * them (0/0 device, `trusted.overlay.opaque`); extraction may begin before the parent is there, which
   * `commit` then names. "merged": the parent's files too once `fill` brought them, so that removed ones
   * are deleted.
   */
  readonly layerForm: "overlay" | "merged";
  /**
   * What `--storage-opt` asks of a container's snapshot.
   *
   * @throws {InvalidArgumentError} An unknown option or value. {UnsupportedError} A size, where the driver
   *   or file system keeps none; both in Docker's words.
   */
  parseStorageOptions(options: Readonly<Record<string, string>>): SnapshotLimits;
  stat(name: string): SnapshotInfo | undefined;
  list(): readonly SnapshotInfo[];
  /**
   * Makes a writable snapshot on `parent` (absent: an empty one).
   * @throws {ConflictError} The key exists. {NotFoundError} No such parent.
   */
  prepare(key: string, parent?: string, limits?: SnapshotLimits): void;
  /**
   * Brings the parent's files into an active snapshot where the driver copies them; elsewhere there is
   * nothing to do. To be awaited before `layerDirectory` is written to; `mount` does it too. What a crash or
   * a failure cut short is begun anew by the next call.
   *
   * @throws {FailedPreconditionError} No space for the copy, marked with the fault of the disk.
   */
  fill(key: string): Promise<void>;
  /** The folder that a layer's files are written to during extraction, in the driver's own whiteout form. */
  layerDirectory(key: string): string;
  /**
   * Turns an active snapshot into a committed one. Committing an existing `name` removes `key` and keeps
   * the old.
   *
   * @param parent Only for a snapshot prepared without one, where `layerForm` is "overlay".
   */
  commit(key: string, name: string, sizeBytes: number, parent?: string): void;
  /** Whether `mount` takes owners. */
  readonly mapsOwners: boolean;
  /**
   * Mounts an active snapshot (or a read-only view of a committed one) and returns the root path. Idempotent.
   *
   * @param owners Maps those on disk to those that are seen; those on disk when absent.
   */
  mount(key: string, owners?: MappedOwners, use?: MountUse): Promise<string>;
  /** Idempotent. */
  unmount(key: string): void;
  /** Where `mount` puts it, whether mounted or not. */
  rootPath(key: string): string;
  /**
   * Deletes; the folder is first moved aside, so that a crash leaves only what the next start sweeps.
   * Resolves when it is moved; its files are freed behind the answer, which `settled` waits for.
   *
   * @throws {ConflictError} It has children. Nothing happens when it is absent.
   */
  remove(name: string): Promise<void>;
  /** Resolves when no removal is under way. */
  settled(): Promise<void>;
  /**
   * Resolves when all files that were written to snapshots survive a power cut: to be awaited before a
   * record names committed ones as whole. Writes the file system's dirty pages, off the JS thread.
   */
  sync(): Promise<void>;
  /** What this snapshot adds to its parent: the sizes of its files, and its inodes. Folders have no size. */
  usage(name: string): Promise<{ readonly bytes: number; readonly inodes: number }>;
  /** GraphDriver.Data of `docker inspect`: LowerDir, MergedDir, UpperDir, WorkDir. */
  graphData(key: string): Readonly<Record<string, string>>;
  /** Finishes interrupted removals and unmounts what `isWanted` denies. Called once at start. */
  reconcile(isWanted: (key: string) => boolean): Promise<void>;
}

/**
 * - `lasting`: when absent.
 * - `scratch`: may leave out what makes its files survive a power cut: who wants to keep them syncs them itself. Its
 *   snapshot does not outlive the engine unless it is committed.
 * - an object: `lasting`, for a container.
 */
export type MountUse = "lasting" | "scratch" | ContainerUse;

export interface ContainerUse {
  /**
   * Makes what each container has besides its image's files; what is there stays. A driver that stacks layers may
   * keep that in one for all containers of an image; where it does not, or a container took something away, the
   * caller makes it after the mount.
   */
  readonly makeCommonFiles: (rootPath: string) => void;
}

/** Owners other than on disk. */
export interface MappedOwners {
  /** The mapping; the daemon's root must have a counterpart on disk, or nothing could be written. */
  readonly userNamespacePath: string;
}

export interface SnapshotLimits {
  /** Of all files of the snapshot, its parents' included. */
  readonly sizeBytes?: number;
}

export interface SnapshotInfo {
  readonly name: string;
  readonly kind: "active" | "committed";
  readonly parent?: string;
  /** Of its own files, in bytes; committed ones only. */
  readonly sizeBytes?: number;
  readonly createdMs: number;
}
