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
  /** Calls `onName` with each name that appears (created and closed, or moved in) in `directory`. */
  watchDirectory(directory: string, onName: (name: string) => void): Disposable;
  /** Disk usage of a tree in bytes as `du` counts, hard links once, crossing no mount. Runs off the JS thread. */
  diskUsage(path: string): Promise<{ readonly bytes: number; readonly inodes: number }>;
  /** fsync of a folder, so that a rename or a new name in it survives a power cut. */
  syncDirectory(path: string): void;
}
