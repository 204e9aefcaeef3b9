import { Database, type Statement } from "bun:sqlite";
import { chmodSync, closeSync, openSync } from "node:fs";
import type { SqlDatabase, SqlRow, SqlSession, SqlValue } from "./database.ts";

/** How long a writer waits for somebody who looks into the file with other tools. */
const BUSY_TIMEOUT_MS = 5000;
/** Statements that are kept prepared. */
const STATEMENTS_MAX = 300;
/** Rows hold hashes of passwords and keys. */
const FILE_MODE = 0o600;

/** One connection with its prepared statements. */
class Connection implements SqlSession, Disposable {
  readonly #database: Database;
  readonly #statements = new Map<string, Statement>();

  constructor(path: string) {
    this.#database = new Database(path, { create: true, strict: true });
    this.#database.run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
    this.#database.run("PRAGMA journal_mode = WAL");
    this.#database.run("PRAGMA synchronous = FULL");
    this.#database.run("PRAGMA foreign_keys = ON");
  }

  #prepared(text: string): Statement {
    const known = this.#statements.get(text);
    if (known) return known;
    if (this.#statements.size >= STATEMENTS_MAX) {
      for (const statement of this.#statements.values()) statement.finalize();
      this.#statements.clear();
    }
    const statement = this.#database.prepare(text.replaceAll(/\$(\d+)/g, "?$1"));
    this.#statements.set(text, statement);
    return statement;
  }

  readonly all = async (
    text: string,
    ...values: readonly SqlValue[]
  ): Promise<readonly SqlRow[]> => {
    return this.#prepared(text).all(...values) as readonly SqlRow[];
  };

  readonly run = async (text: string, ...values: readonly SqlValue[]): Promise<number> => {
    return this.#prepared(text).run(...values).changes;
  };

  [Symbol.dispose](): void {
    for (const statement of this.#statements.values()) statement.finalize();
    this.#database.close();
  }
}

/**
 * One file, one process. Readers have a connection of their own, so that they never see half a transaction; writers
 * take turns.
 */
export class SqliteDatabase implements SqlDatabase {
  readonly kind = "sqlite";
  readonly #reader: Connection;
  readonly #writer: Connection;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(path: string) {
    this.#writer = new Connection(path);
    this.#reader = new Connection(path);
  }

  /** @param path The file, made when absent; its folder exists. */
  static open(path: string): SqliteDatabase {
    closeSync(openSync(path, "a", FILE_MODE));
    chmodSync(path, FILE_MODE);
    return new SqliteDatabase(path);
  }

  all(text: string, ...values: readonly SqlValue[]): Promise<readonly SqlRow[]> {
    return this.#reader.all(text, ...values);
  }

  run(text: string, ...values: readonly SqlValue[]): Promise<number> {
    return this.#inTurn(() => this.#writer.run(text, ...values));
  }

  transaction<T>(work: (session: SqlSession) => Promise<T>): Promise<T> {
    return this.#inTurn(async () => {
      await this.#writer.run("BEGIN IMMEDIATE");
      try {
        const result = await work(this.#writer);
        await this.#writer.run("COMMIT");
        return result;
      } catch (error) {
        await this.#writer.run("ROLLBACK");
        throw error;
      }
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined); // the caller of `result` hears of it
    return result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#turn;
    this.#reader[Symbol.dispose]();
    this.#writer[Symbol.dispose]();
  }
}
