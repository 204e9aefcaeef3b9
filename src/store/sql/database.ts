export type SqlValue = string | number | Uint8Array | null;
/** A row as it came; the caller's `read…` functions turn it into domain types. */
export type SqlRow = Readonly<Record<string, unknown>>;

export interface SqlSession {
  /** @param text Parameters are `$1`, `$2` …; the dialect is what SQLite and PostgreSQL share. */
  all(text: string, ...values: readonly SqlValue[]): Promise<readonly SqlRow[]>;
  /** @returns Count of rows that were changed. */
  run(text: string, ...values: readonly SqlValue[]): Promise<number>;
}

/**
 * Tables that more than one process may share. Statements outside a transaction see what is committed; a call that
 * has returned survives a power cut.
 */
export interface SqlDatabase extends SqlSession, AsyncDisposable {
  readonly kind: "sqlite" | "postgres";
  /**
   * Runs `work` as one: all of it or, when it throws, none. Rows that it changed are locked until its end. It may run
   * again from the start when another transaction came in between.
   */
  transaction<T>(work: (session: SqlSession) => Promise<T>): Promise<T>;
}
