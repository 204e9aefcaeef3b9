/** Network and mount namespaces, pinned by a bind mount on a file so that no process needs to live in them. */
export interface Namespaces {
  /**
   * Makes a network namespace with `lo` up and pins it at `path` (created, its folder exists).
   * About 1 ms: unshare(2) on the JS thread, bind mount, setns(2) back.
   */
  createNetwork(path: string): void;
  /** Unpins and unlinks; the kernel frees it with its last process. False when there was none. */
  removeNetwork(path: string): boolean;
  /**
   * Runs `work` with the JS thread in the network namespace at `path` (a pin, or /proc/PID/ns/net).
   * Sockets opened inside stay there. `work` is synchronous by design: no other task may run meanwhile.
   */
  inNetwork<T>(path: string, work: () => T): T;
  /** Inode number of a namespace file: equal numbers are the same namespace. */
  inodeOf(path: string): number;
}
