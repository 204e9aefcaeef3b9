import { ConflictError, InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import { parseContainerName, type ContainerId } from "#spec/ids.ts";
import type { Collection, Store, Survival } from "#store/store.ts";
import type { ContainerRecord } from "./container.ts";
import { volumesOf } from "./update/next-start.ts";
import { CONTAINERS, fromStored, type StoredContainer, toStored } from "./stored-container.ts";

const MAX_ID_LENGTH = 64;

/**
 * All container records, by id and name. Memory mirrors the store, so that reading costs nothing; what
 * is written is in the store before memory shows it.
 */
export class ContainerRegistry {
  readonly #store: Store;
  readonly #collection: Collection<StoredContainer>;
  readonly #records = new Map<ContainerId, ContainerRecord>();
  readonly #names = new Map<string, ContainerId>();
  /** Records with links: few, and asked for by each line of a list. */
  readonly #linking = new Map<ContainerId, ContainerRecord>();
  /** Answered as gone; their record goes when the last of them is cleaned away. */
  readonly #hidden = new Set<ContainerId>();

  constructor(store: Store) {
    this.#store = store;
    this.#collection = store.collection(CONTAINERS);
    for (const [, stored] of this.#collection.entries()) {
      const record = fromStored(stored);
      this.#keep(record);
      this.#names.set(record.name, record.id);
    }
  }

  /** Every record, those answered as gone too. */
  all(): readonly ContainerRecord[] {
    return [...this.#records.values()];
  }

  /** What users see. */
  visible(): readonly ContainerRecord[] {
    return this.all().filter((record) => this.isVisible(record));
  }

  /** What users see, of those that link to others. */
  linking(): readonly ContainerRecord[] {
    if (this.#linking.size === 0) return [];
    return [...this.#linking.values()].filter((record) => this.isVisible(record));
  }

  isVisible(record: ContainerRecord): boolean {
    return record.intent !== "create" && !this.#hidden.has(record.id);
  }

  find(id: ContainerId): ContainerRecord | undefined {
    return this.#records.get(id);
  }

  /** @throws {NotFoundError} It was removed meanwhile. */
  get(id: ContainerId): ContainerRecord {
    const record = this.#records.get(id);
    if (!record || !this.isVisible(record)) throw noSuchContainer(id);
    return record;
  }

  /**
   * By full id, then name with or without its slash, then unambiguous id prefix.
   *
   * @throws {NotFoundError} {InvalidArgumentError} Empty, or an ambiguous prefix.
   */
  resolve(reference: string): ContainerRecord {
    if (reference === "") {
      throw new InvalidArgumentError(`invalid name or ID supplied: ${JSON.stringify(reference)}`);
    }
    const record = this.#lookUp(reference);
    if (!record) throw noSuchContainer(reference);
    return record;
  }

  /** As `resolve`; undefined when nothing matches, or too much. */
  tryResolve(reference: string): ContainerRecord | undefined {
    try {
      return this.#lookUp(reference);
    } catch (error) {
      if (error instanceof InvalidArgumentError) return undefined;
      throw error;
    }
  }

  #lookUp(reference: string): ContainerRecord | undefined {
    const exact = this.#visibleById(reference as ContainerId);
    if (exact) return exact;
    const name = reference.startsWith("/") ? reference.slice(1) : reference;
    const named = this.#names.get(name);
    if (named !== undefined) {
      const record = this.#visibleById(named);
      if (record) return record;
    }
    const linked = this.#byLink(name);
    if (linked) return linked;
    if (reference.length >= MAX_ID_LENGTH || !/^[0-9a-f]+$/.test(reference)) return undefined;
    let found: ContainerRecord | undefined;
    for (const record of this.#records.values()) {
      if (!record.id.startsWith(reference) || !this.isVisible(record)) continue;
      if (found) {
        throw new InvalidArgumentError(`multiple IDs found with provided prefix: ${reference}`);
      }
      found = record;
    }
    return found;
  }

  /** `web/db`: what container `web` links to as `db`. */
  #byLink(name: string): ContainerRecord | undefined {
    const slash = name.indexOf("/");
    if (slash < 0) return undefined;
    const parentId = this.#names.get(name.slice(0, slash));
    const parent = parentId === undefined ? undefined : this.#visibleById(parentId);
    const alias = name.slice(slash + 1);
    const link = parent?.links?.find((one) => one.alias === alias);
    if (!link) return undefined;
    const namedId = this.#names.get(link.targetName);
    return (
      this.#visibleById(link.targetId) ??
      (namedId === undefined ? undefined : this.#visibleById(namedId))
    );
  }

  #visibleById(id: ContainerId): ContainerRecord | undefined {
    const record = this.#records.get(id);
    return record && this.isVisible(record) ? record : undefined;
  }

  isNameTaken(name: string): boolean {
    return this.#names.has(name);
  }

  /**
   * Takes a name ahead of its record.
   *
   * @returns Gives it back on disposal, unless a record of `id` bears it by then.
   * @throws {InvalidArgumentError} Bad characters. {ConflictError} In use, by whom.
   */
  claimName(text: string, id: ContainerId): Disposable & { readonly name: string } {
    const name = parseContainerName(text);
    const holder = this.#names.get(name);
    if (holder !== undefined && holder !== id) {
      throw new ConflictError(
        `Conflict. The container name "/${name}" is already in use by container "${holder}". ` +
          "You have to remove (or rename) that container to be able to reuse that name.",
      );
    }
    this.#names.set(name, id);
    return {
      name,
      [Symbol.dispose]: () => {
        if (this.#names.get(name) === id && this.#records.get(id)?.name !== name) {
          this.#names.delete(name);
        }
      },
    };
  }

  /**
   * Writes the record, in one commit with what `alongside` writes.
   *
   * @throws What the store or `alongside` throws; nothing is changed then.
   */
  put(record: ContainerRecord, alongside?: () => void): void {
    this.#store.transaction(() => {
      this.#collection.put(record.id, toStored(record));
      alongside?.();
    }, survivalOf(record));
    const before = this.#records.get(record.id);
    if (before && before.name !== record.name && this.#names.get(before.name) === record.id) {
      this.#names.delete(before.name);
    }
    this.#keep(record);
    if (!this.#hidden.has(record.id)) this.#names.set(record.name, record.id);
  }

  /** Answers it as gone from now on; its name is free. */
  hide(id: ContainerId): void {
    this.#hidden.add(id);
    this.#freeName(id);
  }

  /** Takes back `hide`, for a removal that failed; the name may have gone to another meanwhile. */
  unhide(id: ContainerId): void {
    this.#hidden.delete(id);
    const record = this.#records.get(id);
    if (record && !this.#names.has(record.name)) this.#names.set(record.name, id);
  }

  /** To be called for what is recorded as `removing`: where a power cut undoes it, the next start does it again. */
  delete(id: ContainerId, alongside?: () => void): void {
    this.#store.transaction(() => {
      this.#collection.delete(id);
      alongside?.();
    }, "crash");
    this.#freeName(id);
    this.#records.delete(id);
    this.#linking.delete(id);
    this.#hidden.delete(id);
  }

  #keep(record: ContainerRecord): void {
    this.#records.set(record.id, record);
    if (record.links && record.links.length > 0) this.#linking.set(record.id, record);
    else this.#linking.delete(record.id);
  }

  #freeName(id: ContainerId): void {
    const name = this.#records.get(id)?.name;
    if (name !== undefined && this.#names.get(name) === id) this.#names.delete(name);
  }
}

/**
 * A container with `--rm` is to be gone after a power cut: whether its last records are found or not, the
 * next start removes what there is. A volume of its own would be left, so then they must be found.
 */
function survivalOf(record: ContainerRecord): Survival {
  const hasVolumes = volumesOf(record).size > 0;
  return record.hostConfig.AutoRemove && !hasVolumes ? "crash" : "power-cut";
}

function noSuchContainer(reference: string): NotFoundError {
  return new NotFoundError(`No such container: ${reference}`);
}
