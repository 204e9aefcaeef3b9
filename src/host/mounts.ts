/** One line of /proc/self/mountinfo. */
export interface MountInfo {
  readonly id: number;
  readonly parentId: number;
  readonly root: string;
  readonly target: string;
  readonly fsType: string;
  readonly source: string;
  readonly options: readonly string[];
  /** Whether later mounts below it go to its peers, come from its master. */
  readonly isShared: boolean;
  readonly isSlave: boolean;
  /** Options of the superblock: for overlay `lowerdir=…`, `upperdir=…`. */
  readonly superOptions: readonly string[];
}

export interface OverlayMount {
  readonly target: string;
  /** Topmost first, as overlayfs wants them; at least one. Any number: the driver stays below the page-size limit. */
  readonly lowerDirs: readonly string[];
  /** Both absent: a read-only view. */
  readonly upperDir?: string;
  readonly workDir?: string;
  /** Extra options, such as `volatile` or `userxattr`. */
  readonly options?: readonly string[];
}

export type Propagation =
  | "private"
  | "rprivate"
  | "slave"
  | "rslave"
  | "shared"
  | "rshared"
  | "unbindable"
  | "runbindable";

/** mount(2) and its relatives in the host's mount namespace. Synchronous: each is one quick system call. */
export interface Mounts {
  mountOverlay(mount: OverlayMount): void;
  /** Binds `source` on `target`, both existing. `readOnly` takes the second, remounting call. */
  bind(mount: {
    readonly source: string;
    readonly target: string;
    readonly recursive?: boolean;
    readonly readOnly?: boolean;
    readonly propagation?: Propagation;
  }): void;
  /**
   * Binds `source` on `target` with other owners: what belongs to id X inside the user namespace belongs,
   * seen through the mount, to the id that X stands for outside it. Nothing on disk changes.
   *
   * @param mount.userNamespacePath Of a namespace whose mapping is written.
   * @throws {UnsupportedError} The file system, one below it, or the kernel (before 5.12) cannot.
   */
  bindMapped(mount: {
    readonly source: string;
    readonly target: string;
    readonly recursive?: boolean;
    readonly readOnly?: boolean;
    readonly userNamespacePath: string;
  }): void;
  tmpfs(mount: {
    readonly target: string;
    readonly sizeBytes?: number;
    readonly mode?: number;
    readonly options?: readonly string[];
  }): void;
  /** Any other file system: `type`, `device` and comma-separated `data` as mount(8) takes them. */
  mount(mount: {
    readonly type: string;
    readonly device: string;
    readonly target: string;
    readonly options: readonly string[];
  }): void;
  setPropagation(target: string, propagation: Propagation): void;
  /**
   * @param options.lazy MNT_DETACH: gone from the tree at once, freed when the last user leaves.
   * @returns False when nothing was mounted there.
   */
  unmount(target: string, options?: { readonly lazy?: boolean }): boolean;
  /**
   * Takes the mount out of the tree before it returns, then waits off the JS thread until the kernel has
   * let go of it. To be preferred for overlay: freeing one writes the dirty pages of the whole file system
   * of `upperDir` to disk, during which `unmount` would stop the daemon (80 ms for 300 MB here).
   *
   * @returns False when nothing was mounted there.
   */
  detach(target: string): Promise<boolean>;
  /** Mounts at or below `below`, in mount order; all when absent. */
  list(below?: string): readonly MountInfo[];
}
