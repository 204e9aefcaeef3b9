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

/** Transactions that share one commit, which costs a sync of the disk. */
const BATCH_MAX = 64;

interface Waiting {
  /** @returns What tells the caller that it is committed. */
  readonly work: (session: SqlSession) => Promise<() => void>;
  readonly reject: (error: unknown) => void;
}

/**
 * One file, one process. Readers have a connection of their own, so that they never see half a transaction; writers
 * take turns, and those that wait at the same time are committed together.
 */
export class SqliteDatabase implements SqlDatabase {
  readonly kind = "sqlite";
  readonly #reader: Connection;
  readonly #writer: Connection;
  readonly #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;

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
    return this.transaction((session) => session.run(text, ...values));
  }

  transaction<T>(work: (session: SqlSession) => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const confirmed = async (session: SqlSession): Promise<() => void> => {
      const result = await work(session);
      return () => resolve(result);
    };
    this.#waiting.push({ work: confirmed, reject });
    this.#writing ??= this.#writeAll();
    return promise;
  }

  async #writeAll(): Promise<void> {
    await Promise.resolve(); // who asks in the same breath is in the first batch
    while (this.#waiting.length > 0) await this.#writeBatch();
    this.#writing = undefined;
  }

  /** Each inside a savepoint of its own: one that fails takes no other with it. */
  async #writeBatch(): Promise<void> {
    const outcomes: { readonly confirm: () => void; readonly reject: Waiting["reject"] }[] = [];
    let current: Waiting | undefined;
    try {
      await this.#writer.run("BEGIN IMMEDIATE");
      while (outcomes.length < BATCH_MAX && (current = this.#waiting.shift())) {
        outcomes.push(await this.#writeOne(current));
      }
      await this.#writer.run("COMMIT");
      for (const { confirm } of outcomes) confirm();
    } catch (error) {
      // a full disk may have ended the transaction already
      await this.#writer.run("ROLLBACK").catch(() => undefined);
      const failed = current ?? (outcomes.length === 0 ? this.#waiting.shift() : undefined);
      failed?.reject(error);
      for (const { reject } of outcomes) reject(error);
    }
  }

  async #writeOne({
    work,
    reject,
  }: Waiting): Promise<{ readonly confirm: () => void; readonly reject: Waiting["reject"] }> {
    await this.#writer.run("SAVEPOINT one");
    try {
      const confirm = await work(this.#writer);
      await this.#writer.run("RELEASE one");
      return { confirm, reject };
    } catch (error) {
      await this.#writer.run("ROLLBACK TO one");
      await this.#writer.run("RELEASE one");
      return { confirm: () => reject(error), reject };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing;
    this.#reader[Symbol.dispose]();
    this.#writer[Symbol.dispose]();
  }
}
