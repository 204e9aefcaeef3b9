import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import type { Clock } from "#host/clock.ts";
import type { Files } from "#host/files.ts";
import type { Mounts } from "#host/mounts.ts";
import { type SnapshotRecord, SnapshotRecords, toSnapshotInfo } from "#snapshots/records.ts";
import type { SnapshotInfo, Snapshotter } from "#snapshots/snapshotter.ts";
import { Trash } from "#snapshots/trash.ts";
import type { RandomBytes } from "#spec/ids.ts";
import type { Store } from "#store/store.ts";

const DRIVER = "overlay2";

export interface OverlaySnapshotterOptions {
  /** The engine's data root; the driver's own folder is `overlay2` in it. */
  readonly root: string;
  readonly store: Store;
  readonly mounts: Mounts;
  readonly files: Files;
  readonly clock: Pick<Clock, "nowMs">;
  readonly randomBytes: RandomBytes;
  /** Told of a folder that could not be deleted; it is tried again at the next start. */
  readonly onTrashFailure: (path: string, error: unknown) => void;
}

/**
 * Layers as folders that overlayfs stacks:
 *
 *     overlay2/<name>/diff     the layer's own files; overlayfs's upper folder of an active one
 *     overlay2/<name>/work     overlayfs's scratch space, active ones only
 *     overlay2/<name>/merged   where it is mounted
 *     overlay2/.empty          a lower folder for what has no parent
 *     overlay2/.trash          removed ones, until their files are freed
 *
 * The record is written before a folder is made and deleted before a folder is moved to the trash. So
 * a folder without a record is nobody's, and an active record without a folder needs only empty ones.
 */
export function openOverlaySnapshotter(options: OverlaySnapshotterOptions): Snapshotter {
  const directory = join(options.root, DRIVER);
  mkdirSync(join(directory, ".empty"), { recursive: true, mode: 0o755 });
  chmodSync(directory, 0o710);
  const trash = new Trash({
    directory: join(directory, ".trash"),
    onFailure: options.onTrashFailure,
  });
  trash.open();
  return new OverlaySnapshotter(options, directory, trash);
}

class OverlaySnapshotter implements Snapshotter {
  readonly driver = DRIVER;
  readonly layerForm = "overlay";
  readonly status: readonly (readonly [name: string, value: string])[];
  readonly #options: OverlaySnapshotterOptions;
  readonly #directory: string;
  readonly #trash: Trash;
  readonly #records: SnapshotRecords;

  constructor(options: OverlaySnapshotterOptions, directory: string, trash: Trash) {
    this.#options = options;
    this.#directory = directory;
    this.#trash = trash;
    this.#records = new SnapshotRecords(options.store, DRIVER);
    this.status = [
      ["Backing Filesystem", options.files.fileSystemName(directory)],
      ["Supports d_type", "true"],
      ["Using metacopy", "false"],
      ["Native Overlay Diff", "true"],
      ["userxattr", "false"],
    ];
  }

  stat(name: string): SnapshotInfo | undefined {
    const record = this.#records.find(name);
    return record && toSnapshotInfo(name, record);
  }

  list(): readonly SnapshotInfo[] {
    return this.#records.entries().map(([name, record]) => toSnapshotInfo(name, record));
  }

  prepare(key: string, parent?: string): void {
    const record = {
      directory: this.#newDirectoryName(),
      createdMs: this.#options.clock.nowMs(),
      ...(parent === undefined ? {} : { parent }),
    };
    this.#records.addActive(key, record);
    this.#makeFolders({ ...record, kind: "active" });
  }

  layerDirectory(key: string): string {
    return this.#path(this.#records.get(key), "diff");
  }

  commit(key: string, name: string, sizeBytes: number, parent?: string): void {
    const record = this.#records.get(key);
    this.unmount(key);
    const free = this.#records.commit(key, name, sizeBytes, parent);
    if (free !== undefined) {
      this.#trash.throwIn(join(this.#directory, free));
      return;
    }
    // overlayfs leaves an undeletable-by-rmdir `work/work` behind
    rmSync(this.#path(record, "work"), { recursive: true, force: true });
  }

  mount(key: string): string {
    const record = this.#records.get(key);
    const target = this.#path(record, "merged");
    if (this.#isMounted(record)) return target;
    const lowerDirs = this.#lowerDirs(record);
    const empty = join(this.#directory, ".empty");
    if (record.kind === "active") {
      this.#options.mounts.mountOverlay({
        target,
        lowerDirs: lowerDirs.length > 0 ? lowerDirs : [empty],
        upperDir: this.#path(record, "diff"),
        workDir: this.#path(record, "work"),
      });
    } else {
      // without an upper folder overlayfs wants two lower ones
      const own = this.#path(record, "diff");
      this.#options.mounts.mountOverlay({
        target,
        lowerDirs: [own, ...(lowerDirs.length > 0 ? lowerDirs : [empty])],
      });
    }
    return target;
  }

  unmount(key: string): void {
    const record = this.#records.find(key);
    if (record && this.#isMounted(record))
      this.#options.mounts.unmount(this.#path(record, "merged"), { lazy: true });
  }

  rootPath(key: string): string {
    return this.#path(this.#records.get(key), "merged");
  }

  async remove(name: string): Promise<void> {
    const record = this.#records.remove(name);
    if (!record) return;
    if (this.#isMounted(record))
      this.#options.mounts.unmount(this.#path(record, "merged"), { lazy: true });
    this.#trash.throwIn(join(this.#directory, record.directory));
  }

  settled(): Promise<void> {
    return this.#trash.settled();
  }

  async usage(name: string): Promise<{ readonly bytes: number; readonly inodes: number }> {
    const folder = this.#path(this.#records.get(name), "diff");
    const { apparentBytes, inodes } = await this.#options.files.diskUsage(folder);
    return { bytes: apparentBytes, inodes };
  }

  graphData(key: string): Readonly<Record<string, string>> {
    const record = this.#records.get(key);
    const lowerDirs = this.#lowerDirs(record);
    return {
      ...(lowerDirs.length > 0 ? { LowerDir: lowerDirs.join(":") } : {}),
      MergedDir: this.#path(record, "merged"),
      UpperDir: this.#path(record, "diff"),
      WorkDir: this.#path(record, "work"),
    };
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
    for (const [, record] of this.#records.entries()) {
      if (record.kind === "active") this.#makeFolders(record);
    }
  }

  #lowerDirs(record: SnapshotRecord): readonly string[] {
    return this.#records.ancestors(record).map((parent) => this.#path(parent, "diff"));
  }

  #path(record: SnapshotRecord, part: "diff" | "work" | "merged"): string {
    return join(this.#directory, record.directory, part);
  }

  #isMounted(record: SnapshotRecord): boolean {
    const merged = statSync(this.#path(record, "merged"), { throwIfNoEntry: false });
    return merged !== undefined && merged.dev !== statSync(this.#directory).dev;
  }

  /** Idempotent, so that a start may finish what a crash interrupted. */
  #makeFolders(record: SnapshotRecord): void {
    const own = join(this.#directory, record.directory);
    mkdirSync(own, { recursive: true, mode: 0o710 });
    for (const part of ["work", "merged"] as const) {
      mkdirSync(this.#path(record, part), { recursive: true, mode: 0o700 });
    }
    const diff = this.#path(record, "diff");
    if (existsSync(diff)) return;
    const fresh = `${diff}.new`;
    mkdirSync(fresh, { recursive: true });
    // The upper folder's own attributes are those of the container's `/`
    const parent = record.parent === undefined ? undefined : this.#records.get(record.parent);
    const attributes = parent && statSync(this.#path(parent, "diff"));
    if (attributes) chownSync(fresh, attributes.uid, attributes.gid);
    chmodSync(fresh, attributes ? attributes.mode & 0o7777 : 0o755);
    renameSync(fresh, diff);
  }

  /** Short, because a mount's options name all lower folders within one page. */
  #newDirectoryName(): string {
    return Buffer.from(this.#options.randomBytes(8)).toString("hex");
  }
}
