import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ConflictError } from "#base/errors.ts";
import type { SnapshotInfo, SnapshotLimits, Snapshotter } from "#snapshots/snapshotter.ts";

/** The snapshots of a host: what outlives a daemon. */
export interface FakeSnapshots {
  readonly keys: Set<string>;
  readonly mounted: Set<string>;
}

export class FakeSnapshotter implements Snapshotter {
  readonly driver = "overlay2";
  readonly mapsOwners = true;
  readonly status: [] = [];
  readonly layerForm = "overlay" as const;
  readonly #world: FakeSnapshots;
  readonly #directory: string;

  constructor(world: FakeSnapshots, directory: string) {
    this.#world = world;
    this.#directory = directory;
  }

  parseStorageOptions(): SnapshotLimits {
    return {};
  }

  stat(name: string): SnapshotInfo | undefined {
    return this.#world.keys.has(name) ? { name, kind: "active", createdMs: 0 } : undefined;
  }

  list(): readonly SnapshotInfo[] {
    return [...this.#world.keys].map((name) => ({ name, kind: "active", createdMs: 0 }));
  }

  prepare(key: string): void {
    if (this.#world.keys.has(key)) throw new ConflictError(`snapshot ${key} exists`);
    mkdirSync(this.rootPath(key), { recursive: true });
    this.#world.keys.add(key);
  }

  layerDirectory(key: string): string {
    return this.rootPath(key);
  }

  commit(): void {
    throw new ConflictError("no commits here");
  }

  async fill(): Promise<void> {}

  async mount(key: string): Promise<string> {
    this.#world.mounted.add(key);
    return this.rootPath(key);
  }

  unmount(key: string): void {
    this.#world.mounted.delete(key);
  }

  rootPath(key: string): string {
    return join(this.#directory, key);
  }

  async remove(name: string): Promise<void> {
    if (this.#world.mounted.has(name)) throw new ConflictError(`snapshot ${name} is mounted`);
    this.#world.keys.delete(name);
    rmSync(this.rootPath(name), { recursive: true, force: true });
  }

  async settled(): Promise<void> {}

  async sync(): Promise<void> {}

  async usage(): Promise<{ readonly bytes: number; readonly inodes: number }> {
    return { bytes: 10, inodes: 1 };
  }

  graphData(): Readonly<Record<string, string>> {
    return {};
  }

  async reconcile(isWanted: (key: string) => boolean): Promise<void> {
    for (const key of this.#world.mounted) if (!isWanted(key)) this.#world.mounted.delete(key);
  }
}
