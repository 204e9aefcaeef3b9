import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Files } from "#host/files.ts";

/**
 * Sees containers end, by one watch on the folder into which every conmon puts the exit code as a file named
 * after the container. conmon itself needs 1 to 5 ms more to end, which nobody then waits for.
 */
export class ExitWatch implements Disposable {
  readonly directory: string;
  readonly #waiting = new Map<string, () => void>();
  readonly #watch: Disposable;

  constructor(options: { readonly files: Files; readonly directory: string }) {
    this.directory = options.directory;
    this.#watch = options.files.watchDirectory(this.directory, (name) => {
      this.#waiting.get(name)?.();
    });
  }

  /** Resolves when conmon has written the exit code of container `id`, or with `supervisorEnded`. */
  async written(id: string, supervisorEnded: Promise<unknown>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.set(id, resolve);
    // Also catches what the kernel's queue dropped and a conmon that was killed.
    await Promise.race([promise, supervisorEnded]);
    if (this.#waiting.get(id) === resolve) this.#waiting.delete(id);
  }

  forget(id: string): void {
    rmSync(join(this.directory, id), { force: true });
  }

  [Symbol.dispose](): void {
    this.#watch[Symbol.dispose]();
  }
}
