import type { IdMappings } from "#base/id-mappings.ts";

/** A user namespace that lasts as long as the object, or a process in it. */
export interface UserNamespace extends Disposable {
  /** Leads to it for every process of the host's root, such as an OCI runtime. */
  readonly path: string;
}

/** Network and mount namespaces, pinned by a bind mount on a file so that no process needs to live in them. */
export interface Namespaces {
  /**
   * Makes a network namespace with `lo` up and pins it at `path` (created, its folder exists).
   * About 1 ms: unshare(2) on the JS thread, bind mount, setns(2) back.
   */
  createNetwork(path: string): void;
  /**
   * Makes a user namespace with these ids. Takes about 4 ms: a process enters it and ends.
   *
   * @param options.networkPath Pins a network namespace here too, with `lo` up, over which root in the user
   *   namespace has the rights that root has over the host's.
   * @param options.joinedPath A user namespace that is there already, in place of a new one.
   */
  openUser(
    mappings: IdMappings,
    options?: { readonly networkPath?: string; readonly joinedPath?: string },
  ): Promise<UserNamespace>;
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
