import type { Database, Statement } from "bun:sqlite";
import { encodeRecord, indexEntries, migrateRecord } from "#store/definition.ts";
import type { Collection, CollectionDefinition, Store, Survival } from "#store/store.ts";
import { translated } from "./errors.ts";
import { RecordCache, type Row } from "./record-cache.ts";

/** What a collection writes by. */
export interface Transactions extends Pick<Store, "transaction"> {
  /** Runs one statement, which is a transaction of its own where it is no part of one. */
  single<T>(work: () => T, survives?: Survival): T;
}

interface IndexRow {
  readonly name: string;
  readonly value: string;
}

/**
 * Opens a collection inside a transaction: makes its tables when absent, brings older records to today's
 * shape and the index to today's definition.
 */
export function openCollection<V>(
  database: Database,
  store: Transactions,
  definition: CollectionDefinition<V>,
): SqliteCollection<V> {
  const { name } = definition;
  database.run("CREATE TABLE IF NOT EXISTS collections (name TEXT PRIMARY KEY, indexes TEXT)");
  database.run(
    `CREATE TABLE IF NOT EXISTS records_${name} (key TEXT PRIMARY KEY, value TEXT NOT NULL, version INTEGER NOT NULL)`,
  );
  database.run(
    `CREATE TABLE IF NOT EXISTS index_${name} (name TEXT, value TEXT, key TEXT, PRIMARY KEY (name, value, key)) WITHOUT ROWID`,
  );
  database.run(`CREATE INDEX IF NOT EXISTS index_${name}_by_key ON index_${name} (key)`);
  const collection = new SqliteCollection(database, store, definition);
  try {
    collection.bringUpToDate();
    return collection;
  } catch (error) {
    collection[Symbol.dispose]();
    throw error;
  }
}

export class SqliteCollection<V> implements Collection<V>, Disposable {
  readonly version: number;
  readonly #definition: CollectionDefinition<V>;
  readonly #store: Transactions;
  readonly #isIndexed: boolean;
  readonly #sql: Statements;
  readonly #cache = new RecordCache();

  constructor(database: Database, store: Transactions, definition: CollectionDefinition<V>) {
    this.version = definition.version;
    this.#definition = definition;
    this.#store = store;
    this.#isIndexed = Object.keys(definition.indexes ?? {}).length > 0;
    this.#sql = prepareStatements(database, definition.name);
  }

  get(key: string): V | undefined {
    const row = this.#cache.row(key, () => this.#reading(() => this.#sql.get.get(key)));
    return row === null ? undefined : this.#decode(row);
  }

  put(key: string, value: V): void {
    const text = encodeRecord(this.#definition.name, key, value);
    const write = (): unknown => this.#sql.put.run(key, text, this.version);
    this.#write(`write "${key}"`, key, write, () => this.#index(key, value));
    this.#cache.keep({ key, value: text });
  }

  delete(key: string): boolean {
    const remove = (): boolean => this.#sql.delete.run(key).changes > 0;
    return this.#write(`delete "${key}"`, key, remove, () => this.#sql.unindex.run(key));
  }

  #write<T>(what: string, key: string, write: () => T, index: () => void): T {
    const { survives } = this.#definition;
    this.#cache.forget(key);
    if (!this.#isIndexed) {
      return translated(this.#attempt(what), () => this.#store.single(write, survives));
    }
    return this.#store.transaction(() => {
      index();
      return write();
    }, survives);
  }

  entries(): readonly (readonly [key: string, value: V])[] {
    return this.#reading(() => this.#sql.all.all()).map((row) => [row.key, this.#decode(row)]);
  }

  findBy(index: string, value: string): readonly (readonly [key: string, value: V])[] {
    const read = (): readonly Row[] => this.#reading(() => this.#sql.find.all(index, value));
    const rows = this.#cache.found(index, value, read);
    return rows.map((row) => [row.key, this.#decode(row)]);
  }

  keysWithPrefix(prefix: string, limit: number): readonly string[] {
    const keys: string[] = [];
    if (limit < 1) return keys;
    return this.#reading(() => {
      // Keys are in order, so the first without the prefix ends the search.
      for (const { key } of this.#sql.keysFrom.iterate(prefix)) {
        if (!key.startsWith(prefix) || keys.push(key) >= limit) break;
      }
      return keys;
    });
  }

  count(): number {
    return this.#reading(() => this.#sql.count.get())?.count ?? 0;
  }

  /** To be called when a transaction is rolled back. */
  forgetReads(): void {
    this.#cache.forgetAll();
  }

  [Symbol.dispose](): void {
    this.#cache.forgetAll();
    for (const statement of Object.values(this.#sql)) statement.finalize();
  }

  /** Migrates records of older versions, and indexes anew when the set of indexes has changed. */
  bringUpToDate(): void {
    for (const row of this.#sql.otherVersions.all(this.version)) {
      this.put(row.key, migrateRecord(this.#definition, JSON.parse(row.value), row.version));
    }
    const indexes = Object.keys(this.#definition.indexes ?? {}).sort();
    const today = JSON.stringify(indexes);
    if (this.#sql.indexesOf.get(this.#definition.name)?.indexes === today) return;
    this.#sql.unindexAll.run();
    for (const [key, value] of this.entries()) this.#index(key, value);
    this.#sql.setIndexes.run(this.#definition.name, today);
  }

  /** Most writes leave the index as it is; comparing is cheaper than rewriting its pages. */
  #index(key: string, value: V): void {
    const entries = indexEntries(this.#definition, value);
    const old = this.#sql.indexed.all(key);
    if (isSame(old, entries)) return;
    this.#sql.unindex.run(key);
    for (const [name, each] of entries) this.#sql.addIndex.run(name, each, key);
  }

  #reading<T>(work: () => T): T {
    return translated(this.#attempt("read"), work);
  }

  #attempt(what: string): string {
    return `Cannot ${what} in ${this.#definition.name}`;
  }

  #decode(row: Row): V {
    return JSON.parse(row.value) as V; // written by put() of this type, or migrated to it
  }
}

function isSame(
  rows: readonly IndexRow[],
  entries: readonly (readonly [name: string, value: string])[],
): boolean {
  if (rows.length !== entries.length) return false;
  return rows.every((row, at) => {
    const entry = entries[at];
    return entry !== undefined && row.name === entry[0] && row.value === entry[1];
  });
}

interface Statements {
  readonly get: Statement<Row, [string]>;
  readonly put: Statement<unknown, [string, string, number]>;
  readonly delete: Statement<unknown, [string]>;
  readonly all: Statement<Row, []>;
  readonly find: Statement<Row, [string, string]>;
  readonly keysFrom: Statement<{ readonly key: string }, [string]>;
  readonly count: Statement<{ readonly count: number }, []>;
  readonly otherVersions: Statement<Row & { readonly version: number }, [number]>;
  readonly indexed: Statement<IndexRow, [string]>;
  readonly addIndex: Statement<unknown, [string, string, string]>;
  readonly unindex: Statement<unknown, [string]>;
  readonly unindexAll: Statement<unknown, []>;
  readonly indexesOf: Statement<{ readonly indexes: string }, [string]>;
  readonly setIndexes: Statement<unknown, [string, string]>;
}

function prepareStatements(database: Database, name: string): Statements {
  const records = `records_${name}`;
  const index = `index_${name}`;
  return {
    get: database.prepare(`SELECT key, value FROM ${records} WHERE key = ?`),
    put: database.prepare(
      `INSERT INTO ${records} (key, value, version) VALUES (?, ?, ?)
       ON CONFLICT (key) DO UPDATE SET value = excluded.value, version = excluded.version`,
    ),
    delete: database.prepare(`DELETE FROM ${records} WHERE key = ?`),
    all: database.prepare(`SELECT key, value FROM ${records} ORDER BY key`),
    find: database.prepare(
      `SELECT r.key AS key, r.value AS value FROM ${index} AS i JOIN ${records} AS r ON r.key = i.key
       WHERE i.name = ? AND i.value = ? ORDER BY i.key`,
    ),
    keysFrom: database.prepare(`SELECT key FROM ${records} WHERE key >= ? ORDER BY key`),
    count: database.prepare(`SELECT count(*) AS count FROM ${records}`),
    otherVersions: database.prepare(
      `SELECT key, value, version FROM ${records} WHERE version <> ? ORDER BY key`,
    ),
    indexed: database.prepare(
      `SELECT name, value FROM ${index} WHERE key = ? ORDER BY name, value`,
    ),
    addIndex: database.prepare(`INSERT INTO ${index} (name, value, key) VALUES (?, ?, ?)`),
    unindex: database.prepare(`DELETE FROM ${index} WHERE key = ?`),
    unindexAll: database.prepare(`DELETE FROM ${index}`),
    indexesOf: database.prepare("SELECT indexes FROM collections WHERE name = ?"),
    setIndexes: database.prepare(
      `INSERT INTO collections (name, indexes) VALUES (?, ?)
       ON CONFLICT (name) DO UPDATE SET indexes = excluded.indexes`,
    ),
  };
}
