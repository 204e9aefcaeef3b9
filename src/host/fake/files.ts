import { NotFoundError } from "#base/errors.ts";
import type { DiskUsage, Files } from "#host/files.ts";

interface Watch {
  readonly directory: string;
  readonly onName: (name: string) => void;
  readonly onLost: () => void;
}

export class FakeFiles implements Files {
  readonly #locks = new Set<string>();
  readonly #watches = new Set<Watch>();
  readonly #changes = new Map<string, Set<() => void>>();
  readonly #usage = new Map<string, { readonly bytes: number; readonly inodes: number }>();
  hasOverlay = true;
  fileSystem = "extfs";
  /** Folders that were synced, in order. */
  readonly synced: string[] = [];

  lock(path: string): Disposable | undefined {
    if (this.#locks.has(path)) return undefined;
    this.#locks.add(path);
    return { [Symbol.dispose]: () => void this.#locks.delete(path) };
  }

  supportsOverlay(): boolean {
    return this.hasOverlay;
  }

  spreadFolders(): boolean {
    return this.fileSystem === "extfs";
  }

  fileSystemName(): string {
    return this.fileSystem;
  }

  watchDirectory(
    directory: string,
    onName: (name: string) => void,
    onLost: () => void = () => {},
  ): Disposable {
    const watch = { directory, onName, onLost };
    this.#watches.add(watch);
    return { [Symbol.dispose]: () => void this.#watches.delete(watch) };
  }

  /** Tells those who watch `directory` of a new name. */
  appear(directory: string, name: string): void {
    for (const watch of this.#watches) if (watch.directory === directory) watch.onName(name);
  }

  /** Tells those who watch `directory` that names were lost. */
  overflow(directory: string): void {
    for (const watch of this.#watches) if (watch.directory === directory) watch.onLost();
  }

  onceChanged(path: string, onChange: () => void): Disposable {
    const changes = this.#changes.get(path) ?? new Set();
    this.#changes.set(path, changes);
    changes.add(onChange);
    return { [Symbol.dispose]: () => void changes.delete(onChange) };
  }

  /** Tells those who wait for a change of `path`. */
  change(path: string): void {
    const changes = this.#changes.get(path);
    this.#changes.delete(path);
    for (const onChange of changes ?? []) onChange();
  }

  setDiskUsage(path: string, bytes: number, inodes: number): void {
    this.#usage.set(path, { bytes, inodes });
  }

  async quickDiskUsage(path: string, maxInodes: number): Promise<DiskUsage | undefined> {
    const usage = await this.diskUsage(path);
    return usage.inodes > maxInodes ? undefined : usage;
  }

  async diskUsage(path: string): Promise<DiskUsage> {
    const usage = this.#usage.get(path);
    if (usage === undefined) {
      throw new NotFoundError(`Cannot read the disk usage of "${path}": it does not exist`);
    }
    return { ...usage, apparentBytes: usage.bytes };
  }

  syncDirectory(path: string): void {
    this.synced.push(path);
  }
}
