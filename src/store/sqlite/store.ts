import { constants, Database, type Statement } from "bun:sqlite";
import { chmodSync, closeSync, existsSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { FailedPreconditionError, InternalError, invariant } from "#base/errors.ts";
import { checkDefinition, requireSynchronous } from "#store/definition.ts";
import type { Collection, CollectionDefinition, Store, Survival } from "#store/store.ts";
import { openCollection, type SqliteCollection } from "./collection.ts";
import { translated } from "./errors.ts";
import { StoreReserve } from "./reserve.ts";

/** Layout of the file, in `PRAGMA user_version`: a table for each collection and one for its indexes. */
const SCHEMA_VERSION = 1;
/** In `PRAGMA application_id`: "WHRF". */
const APPLICATION_ID = 0x57485246;
/** How long a writer waits for somebody who looks into the file with other tools. */
const BUSY_TIMEOUT_MS = 1000;
/** Records hold secrets: the environment of containers, the options of volumes. */
const FILE_MODE = 0o600;

/** Of one level of nested transactions. */
interface Savepoint {
  readonly begin: Statement;
  readonly release: Statement;
}

/**
 * Records in one SQLite file, with its `-wal` and `-shm` beside it while open. A call that has returned
 * survives a power cut (WAL, synchronous=FULL), unless its caller is content with less: without the fsync of
 * each commit the log lives in the kernel, which outlasts this process.
 */
export class SqliteStore implements Store {
  readonly #database: Database;
  readonly #path: string;
  readonly #collections = new Map<string, SqliteCollection<unknown>>();
  readonly #sql: { readonly begin: Statement; readonly commit: Statement };
  readonly #savepoints = new Map<number, Savepoint>();
  /** What the last transaction had to outlast. */
  #survives: Survival = "power-cut";
  readonly #reserve: StoreReserve;
  #depth = 0;
  #opensTogether = false;

  private constructor(database: Database, path: string) {
    this.#database = database;
    this.#path = path;
    this.#reserve = new StoreReserve(database, path);
    this.#sql = {
      begin: database.prepare("BEGIN IMMEDIATE"),
      commit: database.prepare("COMMIT"),
    };
  }

  /**
   * @param path The file, made when absent; its folder exists.
   * @throws {FailedPreconditionError} The file is damaged, not Wharf's, or from a newer Wharf.
   */
  static open(path: string): SqliteStore {
    const attempt = `Cannot open store "${path}"`;
    return translated(attempt, () => {
      makePrivate(path);
      const database = new Database(path, { create: true, strict: true });
      try {
        database.run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
        checkFile(database, attempt);
        database.run("PRAGMA journal_mode = WAL");
        database.run("PRAGMA synchronous = FULL");
        database.run(`PRAGMA application_id = ${APPLICATION_ID}`);
        database.run(`PRAGMA user_version = ${SCHEMA_VERSION}`);
        // kept at the end with all its room, which a full disk would not give again
        database.fileControl(constants.SQLITE_FCNTL_PERSIST_WAL, 1);
        const store = new SqliteStore(database, path);
        store.#reserve.fill();
        return store;
      } catch (error) {
        database.close();
        throw error;
      }
    });
  }

  collection<V>(definition: CollectionDefinition<V>): Collection<V> {
    checkDefinition(definition);
    const { name, version } = definition;
    let collection = this.#collections.get(name);
    if (collection === undefined) {
      invariant(
        this.#depth === 0 || this.#opensTogether,
        `collection "${name}" is opened inside a transaction`,
      );
      const opened = this.transaction(() => openCollection(this.#database, this, definition));
      collection = opened as unknown as SqliteCollection<unknown>;
      this.#collections.set(name, collection);
    }
    invariant(collection.version === version, `collection "${name}" is opened in two versions`);
    return collection as unknown as Collection<V>; // one name has one value type
  }

  /**
   * Opens collections in one commit: afterwards all have the shape of today, or none was touched.
   *
   * @throws {FailedPreconditionError} A newer Wharf wrote one of them.
   */
  openTogether(open: () => void): void {
    const before = new Set(this.#collections.keys());
    this.#opensTogether = true;
    try {
      this.transaction(open);
    } catch (error) {
      for (const [name, collection] of this.#collections) {
        if (before.has(name)) continue;
        collection[Symbol.dispose]();
        this.#collections.delete(name);
      }
      throw error;
    } finally {
      this.#opensTogether = false;
    }
  }

  transaction<T>(work: () => T, survives: Survival = "power-cut"): T {
    this.#prepare(survives);
    return this.#transact(work);
  }

  /** Runs one statement, which is a transaction of its own where it is no part of one. */
  single<T>(work: () => T, survives: Survival = "power-cut"): T {
    this.#prepare(survives);
    return work();
  }

  #prepare(survives: Survival): void {
    if (this.#depth > 0) return;
    this.#reserve.noteWrite();
    if (survives === this.#survives) return;
    this.#database.run(`PRAGMA synchronous = ${survives === "crash" ? "NORMAL" : "FULL"}`);
    this.#survives = survives;
  }

  verify(): readonly string[] {
    return translated(`Cannot check store "${this.#path}"`, () => {
      using statement = this.#database.prepare<{ readonly integrity_check: string }, []>(
        "PRAGMA integrity_check(20)",
      );
      return statement
        .all()
        .map((row) => row.integrity_check)
        .filter((text) => text !== "ok");
    });
  }

  #transact<T>(work: () => T): T {
    const level = this.#depth;
    return translated(`Cannot write store "${this.#path}"`, () => {
      this.#begin(level);
      this.#depth += 1;
      try {
        const result = work();
        requireSynchronous(result);
        this.#commit(level);
        return result;
      } catch (error) {
        this.#rollBack(level);
        throw error;
      } finally {
        this.#depth -= 1;
      }
    });
  }

  #begin(level: number): void {
    if (level === 0) this.#sql.begin.run();
    else this.#savepoint(level).begin.run();
  }

  #commit(level: number): void {
    if (level === 0) this.#sql.commit.run();
    else this.#savepoint(level).release.run();
  }

  #savepoint(level: number): Savepoint {
    let statements = this.#savepoints.get(level);
    if (!statements) {
      statements = {
        begin: this.#database.prepare(`SAVEPOINT level${level}`),
        release: this.#database.prepare(`RELEASE level${level}`),
      };
      this.#savepoints.set(level, statements);
    }
    return statements;
  }

  #rollBack(level: number): void {
    for (const collection of this.#collections.values()) collection.forgetReads();
    // On a full or failing disk SQLite has rolled the whole transaction back by itself.
    if (!this.#database.inTransaction) return;
    if (level === 0) this.#database.run("ROLLBACK");
    else this.#database.run(`ROLLBACK TO level${level}; RELEASE level${level}`);
  }

  [Symbol.dispose](): void {
    // An open statement would keep the file open, and its file system busy, until it is collected.
    for (const collection of this.#collections.values()) collection[Symbol.dispose]();
    for (const statements of [this.#sql, ...this.#savepoints.values()]) {
      for (const statement of Object.values(statements)) statement.finalize();
    }
    this.#reserve[Symbol.dispose]();
    this.#collections.clear();
    this.#database.close(true);
  }
}

/** Before SQLite makes them with the mode of the umask; new `-wal` and `-shm` get the mode of the file. */
function makePrivate(path: string): void {
  if (!existsSync(dirname(path))) return; // SQLite says so in its own words
  closeSync(openSync(path, "a", FILE_MODE));
  for (const file of [path, `${path}-wal`, `${path}-shm`]) {
    if (existsSync(file)) chmodSync(file, FILE_MODE);
  }
}

/** Refuses what is another program's, or a newer Wharf's, before anything is written to it. */
function checkFile(database: Database, attempt: string): void {
  const tables = readNumber(database, "SELECT count(*) AS value FROM sqlite_schema");
  if (tables === 0) return;
  if (
    readNumber(database, "SELECT application_id AS value FROM pragma_application_id") !==
    APPLICATION_ID
  ) {
    throw new FailedPreconditionError(`${attempt}: it is another program's database`);
  }
  const found = readNumber(database, "SELECT user_version AS value FROM pragma_user_version");
  if (found > SCHEMA_VERSION) {
    throw new FailedPreconditionError(
      `${attempt}: a newer Wharf wrote its layout ${found}, this one knows up to ${SCHEMA_VERSION}; ` +
        "start that Wharf, or use another data root",
    );
  }
}

function readNumber(database: Database, sql: string): number {
  using statement = database.prepare<{ readonly value: number }, []>(sql);
  const row = statement.get();
  if (row === null) throw new InternalError(`No answer from SQLite to: ${sql}`);
  return row.value;
}
