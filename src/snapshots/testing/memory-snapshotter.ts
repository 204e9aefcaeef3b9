import { ConflictError, NotFoundError, UnsupportedError } from "#base/errors.ts";
import type { SnapshotInfo, Snapshotter } from "#snapshots/snapshotter.ts";

/** Snapshots as records alone, by the rules of the real ones: for tests of who keeps and removes them. */
export class MemorySnapshotter implements Snapshotter {
  readonly driver = "memory";
  readonly status: Snapshotter["status"] = [];
  readonly layerForm = "overlay";
  readonly mapsOwners = false;
  readonly #infos = new Map<string, SnapshotInfo>();

  parseStorageOptions(): Record<never, never> {
    return {};
  }

  stat(name: string): SnapshotInfo | undefined {
    return this.#infos.get(name);
  }

  list(): readonly SnapshotInfo[] {
    return [...this.#infos.values()];
  }

  prepare(key: string, parent?: string): void {
    if (this.#infos.has(key)) throw new ConflictError(`${key} exists`);
    if (parent !== undefined && !this.#infos.has(parent)) {
      throw new NotFoundError(`No parent ${parent}`);
    }
    const on = parent === undefined ? {} : { parent };
    this.#infos.set(key, { name: key, kind: "active", createdMs: 0, ...on });
  }

  async fill(): Promise<void> {}

  layerDirectory(key: string): string {
    return `/nowhere/${key}`;
  }

  commit(key: string, name: string, sizeBytes: number, parent?: string): void {
    const active = this.#infos.get(key);
    if (!active) throw new NotFoundError(`No snapshot ${key}`);
    const on = parent ?? active.parent;
    if (on !== undefined && !this.#infos.has(on)) throw new NotFoundError(`No parent ${on}`);
    this.#infos.delete(key);
    if (this.#infos.has(name)) return;
    const below = on === undefined ? {} : { parent: on };
    this.#infos.set(name, { name, kind: "committed", sizeBytes, createdMs: 0, ...below });
  }

  async mount(key: string): Promise<string> {
    return await Promise.reject(new UnsupportedError(`Cannot mount ${key}: it has no files`));
  }

  unmount(): void {}

  rootPath(key: string): string {
    return this.layerDirectory(key);
  }

  async remove(name: string): Promise<void> {
    if (this.list().some(({ parent }) => parent === name)) {
      throw new ConflictError(`${name} has children`);
    }
    this.#infos.delete(name);
    await Promise.resolve();
  }

  async settled(): Promise<void> {}

  async sync(): Promise<void> {}

  async usage(): Promise<{ readonly bytes: number; readonly inodes: number }> {
    return await Promise.resolve({ bytes: 0, inodes: 0 });
  }

  graphData(): Readonly<Record<string, string>> {
    return {};
  }

  async reconcile(): Promise<void> {}
}
