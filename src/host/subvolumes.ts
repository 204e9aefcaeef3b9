/** Subvolumes of btrfs: folders that are copied by writing one record. Each call is quick. */
export interface Subvolumes {
  /** Makes an empty one at `path`, whose folder is on btrfs. @throws {UnsupportedError} It is not. */
  create(path: string): void;
  /** Makes a writable copy of the subvolume `source` at `path`, on the same file system. */
  snapshot(source: string, path: string): void;
  /** Deletes a subvolume with all its files; the kernel frees them behind the answer. */
  remove(path: string): void;
  /**
   * Bounds what the subvolume's files may take; switches quotas on for its file system.
   * @throws {UnsupportedError} Quotas cannot be had there.
   */
  limit(path: string, bytes: number): void;
}
