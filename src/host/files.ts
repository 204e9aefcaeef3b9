/** Size of a tree: hard links once, crossing no mount. */
export interface DiskUsage {
  /** Allocated blocks, as `du` counts. */
  readonly bytes: number;
  /** Sizes of what is no folder, as docker counts a container's and a layer's size. */
  readonly apparentBytes: number;
  readonly inodes: number;
}

/** What `node:fs` lacks. Synchronous: quick system calls. */
export interface Files {
  /**
   * Exclusive flock(2) on `path`, created when absent; held until disposed or the process ends.
   * @returns Undefined when another process holds it.
   */
  lock(path: string): Disposable | undefined;
  /** Whether the file system at `path` can be overlayfs's upper layer, tried for real. */
  supportsOverlay(path: string): boolean;
  /** `extfs`, `xfs`, `btrfs`, `tmpfs`, …, as docker info prints it. */
  fileSystemName(path: string): string;
  /**
   * Calls `onName` with each name that appears (written and closed, or moved in) in `directory` from now
   * on. Names from before are not told: list the folder after this call, and expect some names twice.
   *
   * @param onLost Called when the kernel's queue (16,384 events) ran over: list the folder again.
   */
  watchDirectory(
    directory: string,
    onName: (name: string) => void,
    onLost?: () => void,
  ): Disposable;
  /**
   * Calls `onChange` once, at the next write to the file that is at `path` now, or when it is renamed or
   * removed. Look at the file after this call: what came before is not told. A call for nothing is possible.
   *
   * @throws {NotFoundError} There is no `path`.
   */
  onceChanged(path: string, onChange: () => void): Disposable;
  /**
   * Disk usage of a tree. The disk is read off the JS thread, the sums are made on it.
   *
   * @throws {NotFoundError} There is no `path`.
   */
  diskUsage(path: string): Promise<DiskUsage>;
  /**
   * As `diskUsage`, as long as the tree has at most `maxInodes`.
   *
   * @returns Undefined for a larger tree, which takes the JS thread's time to count.
   */
  quickDiskUsage(path: string, maxInodes: number): Promise<DiskUsage | undefined>;
  /** fsync of a folder, so that a rename or a new name in it survives a power cut. */
  syncDirectory(path: string): void;
  /**
   * Has the file system put each folder that is made in `path` in a place of its own, where ext2 to ext4 know
   * of such (the flag of `chattr +T`). Without it all of them share the block groups of `path`, and where
   * many files were deleted within the last minutes ext4 looks at each of their inodes for every new file:
   * unpacking 9,000 files took 5 to 20 s beside a removed layer, and takes 0.5 s apart from it.
   *
   * @returns False where the file system has no such flag.
   */
  spreadFolders(path: string): boolean;
}
