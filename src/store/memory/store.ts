import { invariant } from "#base/errors.ts";
import { checkDefinition, requireSynchronous } from "#store/definition.ts";
import type { Collection, CollectionDefinition, Store, Survival } from "#store/store.ts";
import { MemoryCollection } from "./collection.ts";

/** A store that is gone with the process; for tests. Records pass through JSON as in SQLite. */
export class MemoryStore implements Store {
  readonly #collections = new Map<string, MemoryCollection<unknown>>();
  /** Undoes the writes since the outermost transaction began, last first. */
  readonly #undo: (() => void)[] = [];
  #depth = 0;

  collection<V>(definition: CollectionDefinition<V>): Collection<V> {
    checkDefinition(definition);
    let collection = this.#collections.get(definition.name);
    if (collection === undefined) {
      const opened = new MemoryCollection<V>(definition, (undo) => {
        if (this.#depth > 0) this.#undo.push(undo);
      });
      collection = opened as unknown as MemoryCollection<unknown>;
      this.#collections.set(definition.name, collection);
    }
    const sameVersion = collection.version === definition.version;
    invariant(sameVersion, `collection "${definition.name}" is opened in two versions`);
    return collection as unknown as Collection<V>; // one name has one value type
  }

  transaction<T>(work: () => T, _survives?: Survival): T {
    const mark = this.#undo.length;
    this.#depth += 1;
    try {
      const result = work();
      requireSynchronous(result);
      return result;
    } catch (error) {
      for (const undo of this.#undo.splice(mark).reverse()) undo();
      throw error;
    } finally {
      this.#depth -= 1;
      if (this.#depth === 0) this.#undo.length = 0;
    }
  }

  verify(): readonly string[] {
    return [];
  }

  [Symbol.dispose](): void {
    this.#collections.clear();
  }
}
