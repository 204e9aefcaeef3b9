import { closeSync, constants, openSync } from "node:fs";

/** Below this the kernel frees a file's blocks faster than two more system calls are worth. */
const LARGE_BYTES = 8 * 1024 * 1024;
const MOST_FILES = 64;
const O_PATH = 0o10000000;

/**
 * Large files that were replaced, kept from the kernel until `free` or the end of the process: to give back
 * the blocks of 200 MB takes some 50 ms, for which nobody who waits for the new file needs to wait.
 */
export class RemovedFiles {
  readonly #descriptors: number[] = [];

  /** To be called before the file goes. */
  hold(path: string, sizeBytes: number): void {
    if (sizeBytes < LARGE_BYTES || this.#descriptors.length >= MOST_FILES) return;
    try {
      // opens nothing: what a container put there meanwhile hears nothing of it
      this.#descriptors.push(openSync(path, O_PATH | constants.O_NOFOLLOW));
    } catch {
      return; // it costs its time where it is removed
    }
  }

  /** @returns Whether that gave any space back. */
  free(): boolean {
    const held = this.#descriptors.splice(0);
    for (const descriptor of held) closeSync(descriptor);
    return held.length > 0;
  }
}
