import { compareKeys, encodeRecord, indexEntries } from "#store/definition.ts";
import type { Collection, CollectionDefinition } from "#store/store.ts";

interface MemoryRecord {
  readonly text: string;
  /** `index`, a zero, then the value. */
  readonly indexed: ReadonlySet<string>;
}

export class MemoryCollection<V> implements Collection<V> {
  readonly version: number;
  readonly #definition: CollectionDefinition<V>;
  readonly #records = new Map<string, MemoryRecord>();
  readonly #onWrite: (undo: () => void) => void;

  constructor(definition: CollectionDefinition<V>, onWrite: (undo: () => void) => void) {
    this.version = definition.version;
    this.#definition = definition;
    this.#onWrite = onWrite;
  }

  get(key: string): V | undefined {
    const record = this.#records.get(key);
    return record === undefined ? undefined : decode<V>(record);
  }

  put(key: string, value: V): void {
    const text = encodeRecord(this.#definition.name, key, value);
    const entries = indexEntries(this.#definition, value);
    this.#noteUndo(key);
    this.#records.set(key, { text, indexed: new Set(entries.map((entry) => entry.join("\0"))) });
  }

  delete(key: string): boolean {
    if (!this.#records.has(key)) return false;
    this.#noteUndo(key);
    return this.#records.delete(key);
  }

  entries(): readonly (readonly [key: string, value: V])[] {
    return this.#sorted().map(([key, record]) => [key, decode<V>(record)]);
  }

  findBy(index: string, value: string): readonly (readonly [key: string, value: V])[] {
    const wanted = `${index}\0${value}`;
    return this.#sorted()
      .filter(([, record]) => record.indexed.has(wanted))
      .map(([key, record]) => [key, decode<V>(record)]);
  }

  keysWithPrefix(prefix: string, limit: number): readonly string[] {
    const keys = this.#sorted().map(([key]) => key);
    return keys.filter((key) => key.startsWith(prefix)).slice(0, limit);
  }

  count(): number {
    return this.#records.size;
  }

  #sorted(): [string, MemoryRecord][] {
    return [...this.#records].sort(([a], [b]) => compareKeys(a, b));
  }

  #noteUndo(key: string): void {
    const before = this.#records.get(key);
    this.#onWrite(() => {
      if (before === undefined) this.#records.delete(key);
      else this.#records.set(key, before);
    });
  }
}

function decode<V>(record: MemoryRecord): V {
  return JSON.parse(record.text) as V; // written by put() of this type
}
