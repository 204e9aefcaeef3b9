import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import type { SnapshotterOptions } from "./driver-options.ts";
import { changedUsage, type Usage } from "./changed-usage.ts";
import { type SnapshotRecord, SnapshotRecords, toSnapshotInfo } from "./records.ts";
import type { SnapshotInfo, SnapshotLimits, Snapshotter } from "./snapshotter.ts";
import { syncFileSystem } from "./sync-file-system.ts";
import { Trash } from "./trash.ts";

/** How a driver makes whole trees. */
export interface TreeMaker {
  /** Name of the driver, and of its folder. */
  readonly driver: string;
  readonly status: readonly (readonly [name: string, value: string])[];
  /** @see Snapshotter.parseStorageOptions */
  parseStorageOptions(options: Readonly<Record<string, string>>): SnapshotLimits;
  /**
   * Makes `target`, which is not there, with all files of `source`; an empty folder without one. What a
   * failure leaves is given to `remove`.
   */
  make(target: string, source: string | undefined, limits: SnapshotLimits): Promise<void>;
  /** Deletes a tree, or nothing. */
  remove(target: string): Promise<void>;
}

/**
 * Layers as whole trees, each a copy of its parent with changes:
 *
 *     <driver>/<name>/tree   all files of the snapshot
 *     <driver>/<name>/new    being copied; worth nothing after a crash
 *     <driver>/<name>/view   where a committed one is mounted read-only
 *     <driver>/.trash        removed ones, until their files are freed
 *
 * The record is written before a folder is made and deleted before a folder is moved to the trash. The
 * copy is made by `fill`, at the latest when it is mounted, so that preparing takes no time.
 */
export function openTreeSnapshotter(options: SnapshotterOptions, maker: TreeMaker): Snapshotter {
  const directory = join(options.root, maker.driver);
  mkdirSync(directory, { recursive: true });
  chmodSync(directory, 0o710);
  options.files.spreadFolders(directory);
  const trash = new Trash({
    directory: join(directory, ".trash"),
    freeTree: (path) => maker.remove(path),
    onFailure: options.onTrashFailure,
  });
  trash.open();
  return new TreeSnapshotter(options, maker, directory, trash);
}

class TreeSnapshotter implements Snapshotter {
  readonly mapsOwners = false;
  readonly driver: string;
  readonly layerForm = "merged";
  readonly status: readonly (readonly [name: string, value: string])[];
  readonly #options: SnapshotterOptions;
  readonly #maker: TreeMaker;
  readonly #directory: string;
  readonly #trash: Trash;
  readonly #records: SnapshotRecords;
  /** Copies under way, by the snapshot's folder. */
  readonly #filling = new Map<string, Promise<void>>();

  constructor(options: SnapshotterOptions, maker: TreeMaker, directory: string, trash: Trash) {
    this.#options = options;
    this.#maker = maker;
    this.#directory = directory;
    this.#trash = trash;
    this.driver = maker.driver;
    this.status = maker.status;
    this.#records = new SnapshotRecords(options.store, maker.driver);
  }

  parseStorageOptions(options: Readonly<Record<string, string>>): SnapshotLimits {
    return this.#maker.parseStorageOptions(options);
  }

  stat(name: string): SnapshotInfo | undefined {
    const record = this.#records.find(name);
    return record && toSnapshotInfo(name, record);
  }

  list(): readonly SnapshotInfo[] {
    return this.#records.entries().map(([name, record]) => toSnapshotInfo(name, record));
  }

  prepare(key: string, parent?: string, limits: SnapshotLimits = {}): void {
    const record = {
      directory: Buffer.from(this.#options.randomBytes(8)).toString("hex"),
      createdMs: this.#options.clock.nowMs(),
      ...(parent === undefined ? {} : { parent }),
      ...(limits.sizeBytes === undefined ? {} : { limitBytes: limits.sizeBytes }),
    };
    this.#records.addActive(key, record);
    mkdirSync(join(this.#directory, record.directory), { mode: 0o710 });
  }

  async fill(key: string): Promise<void> {
    const record = this.#records.get(key);
    if (record.kind === "committed" || existsSync(this.#path(record, "tree"))) return;
    let filling = this.#filling.get(record.directory);
    if (!filling) {
      filling = this.#copy(record).finally(() => this.#filling.delete(record.directory));
      this.#filling.set(record.directory, filling);
    }
    await filling;
  }

  layerDirectory(key: string): string {
    return this.#path(this.#records.get(key), "tree");
  }

  commit(key: string, name: string, sizeBytes: number, parent?: string): void {
    const free = this.#records.commit(key, name, sizeBytes, parent);
    if (free !== undefined) this.#trash.throwIn(join(this.#directory, free));
  }

  async mount(key: string): Promise<string> {
    const record = this.#records.get(key);
    const tree = this.#path(record, "tree");
    if (record.kind === "active") {
      await this.fill(key);
      return tree;
    }
    const view = this.#path(record, "view");
    if (this.#options.mounts.list(view).length > 0) return view;
    mkdirSync(view, { recursive: true, mode: 0o700 });
    this.#options.mounts.bind({ source: tree, target: view, readOnly: true });
    return view;
  }

  unmount(key: string): void {
    const record = this.#records.find(key);
    if (record) this.#unmount(record);
  }

  rootPath(key: string): string {
    const record = this.#records.get(key);
    return this.#path(record, record.kind === "active" ? "tree" : "view");
  }

  async remove(name: string): Promise<void> {
    const record = this.#records.remove(name);
    if (!record) return;
    this.#unmount(record);
    // what is still being copied would go on writing into the trash
    await this.#filling.get(record.directory)?.catch(() => undefined);
    this.#trash.throwIn(join(this.#directory, record.directory));
  }

  settled(): Promise<void> {
    return this.#trash.settled();
  }

  async sync(): Promise<void> {
    await syncFileSystem(this.#options.processes, this.#directory);
  }

  async usage(name: string): Promise<Usage> {
    const record = this.#records.get(name);
    const tree = this.#path(record, "tree");
    if (!existsSync(tree)) return { bytes: 0, inodes: 0 };
    const parent = record.parent === undefined ? undefined : this.#records.get(record.parent);
    return await changedUsage(tree, parent && this.#path(parent, "tree"));
  }

  graphData(): Readonly<Record<string, string>> {
    return {};
  }

  async reconcile(isWanted: (key: string) => boolean): Promise<void> {
    for (const mount of this.#options.mounts.list(this.#directory)) {
      const directory = mount.target.slice(this.#directory.length + 1).split("/", 1)[0] ?? "";
      const found = this.#records.byDirectory(directory);
      if (found && isWanted(found[0])) continue;
      this.#options.mounts.unmount(mount.target, { lazy: true });
    }
    for (const directory of readdirSync(this.#directory)) {
      if (directory.startsWith(".") || this.#records.byDirectory(directory)) continue;
      this.#trash.throwIn(join(this.#directory, directory));
    }
  }

  async #copy(record: SnapshotRecord): Promise<void> {
    mkdirSync(join(this.#directory, record.directory), { recursive: true, mode: 0o710 });
    const fresh = this.#path(record, "new");
    const parent = record.parent === undefined ? undefined : this.#records.get(record.parent);
    const limits = record.limitBytes === undefined ? {} : { sizeBytes: record.limitBytes };
    await this.#maker.remove(fresh);
    try {
      await this.#maker.make(fresh, parent && this.#path(parent, "tree"), limits);
    } catch (error) {
      await this.#maker.remove(fresh);
      throw error;
    }
    renameSync(fresh, this.#path(record, "tree"));
  }

  #unmount(record: SnapshotRecord): void {
    this.#options.mounts.unmount(this.#path(record, "view"), { lazy: true });
  }

  #path(record: SnapshotRecord, part: "tree" | "new" | "view"): string {
    return join(this.#directory, record.directory, part);
  }
}
