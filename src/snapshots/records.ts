import { ConflictError, NotFoundError } from "#base/errors.ts";
import type { Collection, CollectionDefinition, Store } from "#store/store.ts";
import type { SnapshotInfo } from "./snapshotter.ts";

/** What the store keeps of a snapshot; its key there is the snapshot's name. */
export interface SnapshotRecord {
  /** Folder name below the driver's root. */
  readonly directory: string;
  readonly kind: "active" | "committed";
  readonly parent?: string;
  readonly sizeBytes?: number;
  /** What its files may take, where the driver keeps such a limit. */
  readonly limitBytes?: number;
  readonly createdMs: number;
}

/** What never changes of a snapshot. */
export type SnapshotPlace = Pick<SnapshotRecord, "directory" | "parent">;

/** Each driver's records are apart: another driver's folders mean nothing to it. */
export function snapshotCollection(driver: string): CollectionDefinition<SnapshotRecord> {
  return {
    name: `snapshots${driver.replaceAll(/[^a-z]/g, "")}`,
    version: 1,
    indexes: {
      parent: (record) => (record.parent === undefined ? [] : [record.parent]),
      directory: (record) => [record.directory],
    },
  };
}

/** The rules on names, parents and kinds, which all drivers share. */
export class SnapshotRecords {
  readonly #store: Store;
  readonly #records: Collection<SnapshotRecord>;
  /** Those whose place was asked for: folder and parent stay as they are while a snapshot is there. */
  readonly #placed = new Map<string, SnapshotRecord>();

  constructor(store: Store, driver: string) {
    this.#store = store;
    this.#records = store.collection(snapshotCollection(driver));
  }

  find(name: string): SnapshotRecord | undefined {
    return this.#records.get(name);
  }

  /** @throws {NotFoundError} */
  get(name: string): SnapshotRecord {
    const record = this.#records.get(name);
    if (!record) throw new NotFoundError(`Cannot find snapshot "${name}"`);
    return record;
  }

  /**
   * As `get`, from memory after the first time, so that the same object comes back as long as the snapshot is there. Not
   * for inside a transaction, which may be rolled back.
   *
   * @throws {NotFoundError}
   */
  place(name: string): SnapshotPlace {
    let record = this.#placed.get(name);
    if (!record) {
      record = this.get(name);
      this.#placed.set(name, record);
    }
    return record;
  }

  /** Name and record of the snapshot whose folder is `directory`. */
  byDirectory(directory: string): readonly [name: string, record: SnapshotRecord] | undefined {
    return this.#records.findBy("directory", directory)[0];
  }

  entries(): readonly (readonly [name: string, record: SnapshotRecord])[] {
    return this.#records.entries();
  }

  /** The ancestors of a record, nearest first. */
  ancestors(record: Pick<SnapshotPlace, "parent">): readonly SnapshotPlace[] {
    const found: SnapshotPlace[] = [];
    for (let at = record.parent; at !== undefined; ) {
      const parent = this.place(at);
      found.push(parent);
      at = parent.parent;
    }
    return found;
  }

  /** @throws {ConflictError} The key exists. {NotFoundError} No such parent, or an active one. */
  addActive(key: string, record: Omit<SnapshotRecord, "kind" | "sizeBytes">): void {
    if (this.#records.get(key)) {
      throw new ConflictError(`Cannot prepare snapshot "${key}": it exists already`);
    }
    if (record.parent !== undefined) this.#checkParent(key, record.parent);
    this.#records.put(key, { ...record, kind: "active" });
  }

  /**
   * @returns The folder that is free now: that of `key`, where `name` was committed before.
   * @throws {NotFoundError} No such key or parent. {ConflictError} It is committed, or has a parent already.
   */
  commit(
    key: string,
    name: string,
    sizeBytes: number,
    parent: string | undefined,
  ): string | undefined {
    const record = this.get(key);
    if (record.kind === "committed") {
      throw new ConflictError(`Cannot commit snapshot "${key}": it is committed already`);
    }
    if (parent !== undefined && record.parent !== undefined && record.parent !== parent) {
      throw new ConflictError(
        `Cannot commit snapshot "${key}" on "${parent}": it was prepared on "${record.parent}"`,
      );
    }
    const under = parent ?? record.parent;
    if (under !== undefined) this.#checkParent(key, under);
    this.#placed.delete(key);
    this.#placed.delete(name);
    return this.#store.transaction(() => {
      this.#records.delete(key);
      if (this.#records.get(name)) return record.directory;
      this.#records.put(name, {
        directory: record.directory,
        kind: "committed",
        ...(under === undefined ? {} : { parent: under }),
        sizeBytes,
        createdMs: record.createdMs,
      });
      return undefined;
    });
  }

  /**
   * @returns The record that is gone now; undefined when there was none.
   * @throws {ConflictError} It has children.
   */
  remove(name: string): SnapshotRecord | undefined {
    const record = this.#records.get(name);
    if (!record) return undefined;
    const [child] = record.kind === "active" ? [] : this.#records.findBy("parent", name);
    if (child) {
      throw new ConflictError(`Cannot remove snapshot "${name}": "${child[0]}" is built on it`);
    }
    this.#placed.delete(name);
    // an active one without an owner goes at the next start, but a layer without its folder would stay
    const survives = record.kind === "active" ? "crash" : "power-cut";
    this.#store.transaction(() => this.#records.delete(name), survives);
    return record;
  }

  #checkParent(key: string, parent: string): void {
    const found = this.#records.get(parent);
    if (!found) {
      throw new NotFoundError(`Cannot build snapshot "${key}" on "${parent}": no such snapshot`);
    }
    if (found.kind === "active") {
      throw new ConflictError(`Cannot build snapshot "${key}" on "${parent}": it is not committed`);
    }
  }
}

export function toSnapshotInfo(name: string, record: SnapshotRecord): SnapshotInfo {
  return {
    name,
    kind: record.kind,
    ...(record.parent === undefined ? {} : { parent: record.parent }),
    ...(record.sizeBytes === undefined ? {} : { sizeBytes: record.sizeBytes }),
    createdMs: record.createdMs,
  };
}
