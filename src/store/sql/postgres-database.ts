import { SQL } from "bun";
import { UnavailableError, messageOf } from "#base/errors.ts";
import type { SqlDatabase, SqlRow, SqlSession, SqlValue } from "./database.ts";

const CONNECTIONS = 10;
const CONNECT_TIMEOUT_SECONDS = 10;
/** Two transactions stood in each other's way: PostgreSQL has ended this one, and it may be tried again. */
const RETRIED_CODES: readonly string[] = ["40001", "40P01"];
const TRIES = 5;

/** What one statement needs of a pool or of a transaction. */
interface Runner {
  unsafe(text: string, values: readonly SqlValue[]): PromiseLike<unknown>;
}

function sessionOn(runner: Runner): SqlSession {
  const send = async (text: string, values: readonly SqlValue[]): Promise<unknown[]> => {
    const result: unknown = await runner.unsafe(text, values);
    return Array.isArray(result) ? result : [];
  };
  return {
    all: async (text, ...values) => (await send(text, values)) as readonly SqlRow[],
    run: async (text, ...values) => {
      const result = await send(text, values);
      return "count" in result && typeof result.count === "number" ? result.count : 0;
    },
  };
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return "";
  if ("errno" in error && typeof error.errno === "string") return error.errno;
  return "code" in error ? String(error.code) : "";
}

/** A PostgreSQL database that several servers may share. */
export class PostgresDatabase implements SqlDatabase {
  readonly kind = "postgres";
  readonly #pool: SQL;
  readonly #session: SqlSession;

  private constructor(pool: SQL) {
    this.#pool = pool;
    this.#session = sessionOn(pool as unknown as Runner); // its types want a mutable list
  }

  /**
   * @param url `postgres://user:password@host/database`
   * @throws {UnavailableError} It does not answer, or not to that user.
   */
  static async open(url: string): Promise<PostgresDatabase> {
    const pool = new SQL(url, { max: CONNECTIONS, connectionTimeout: CONNECT_TIMEOUT_SECONDS });
    const database = new PostgresDatabase(pool);
    try {
      await database.all("SELECT 1 AS one");
    } catch (cause) {
      await pool.close();
      const place = URL.parse(url)?.host ?? "the database";
      throw new UnavailableError(`Cannot open PostgreSQL at ${place}: ${messageOf(cause)}`, {
        cause,
      });
    }
    return database;
  }

  all(text: string, ...values: readonly SqlValue[]): Promise<readonly SqlRow[]> {
    return this.#session.all(text, ...values);
  }

  run(text: string, ...values: readonly SqlValue[]): Promise<number> {
    return this.#session.run(text, ...values);
  }

  async transaction<T>(work: (session: SqlSession) => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        const outcome = await this.#pool.begin(async (connection) => ({
          result: await work(sessionOn(connection as unknown as Runner)),
        }));
        return outcome.result;
      } catch (error) {
        if (tries >= TRIES || !RETRIED_CODES.includes(codeOf(error))) throw error;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.close();
  }
}
