/**
 * Persisted records. One store holds many collections; a collection maps a string key to a plain,
 * readonly JSON value. All calls are synchronous, so a read-decide-write stretch on the JS thread is
 * never interleaved; `transaction` makes several writes one commit (SQLite: WAL, synchronous=FULL, so
 * what has returned survives a power cut).
 *
 * The cluster's replicated state (etcd) gets an interface of its own, because there a read may be stale
 * and a write may lose: pretending otherwise here would hide both.
 */
export interface Store extends Disposable {
  /** Opens, making it when absent. Asking twice for one name returns the same collection. */
  collection<V>(definition: CollectionDefinition<V>): Collection<V>;
  /**
   * Runs `work` in one transaction; nested calls join the outer one. A throw rolls back and goes on.
   *
   * @param survives What the outermost commit outlasts; a power cut when absent.
   */
  transaction<T>(work: () => T, survives?: Survival): T;
  /** Reads everything and names what is damaged, a sentence each; empty when all is well. */
  verify(): readonly string[];
}

/**
 * What a commit outlasts. "crash" is the daemon's death alone, for what means nothing after a reboot, and
 * spares the fsync (0.5 to 5 ms). Nothing is lost out of order: a commit that outlasts a power cut takes all
 * before it along.
 */
export type Survival = "power-cut" | "crash";

export interface CollectionDefinition<V> {
  /** `containers`, `images`, … lower case, letters only. */
  readonly name: string;
  /**
   * Shape version of `V`, from 1. Records written by an older version pass through `migrate` once, when
   * the collection is opened.
   */
  readonly version: number;
  /** Of writes that are no part of a transaction; a power cut when absent. */
  readonly survives?: Survival;
  readonly migrate?: (value: unknown, fromVersion: number) => V;
  /** Secondary keys; an index may give several for one record. */
  readonly indexes?: Readonly<Record<string, (value: V) => readonly string[]>>;
}

export interface Collection<V> {
  get(key: string): V | undefined;
  /** Inserts or replaces. */
  put(key: string, value: V): void;
  /** False when there was none. */
  delete(key: string): boolean;
  /** In the order of keys. */
  entries(): readonly (readonly [key: string, value: V])[];
  /** Records whose index holds `value`, in the order of keys. */
  findBy(index: string, value: string): readonly (readonly [key: string, value: V])[];
  /** Keys that begin with `prefix`, at most `limit`. */
  keysWithPrefix(prefix: string, limit: number): readonly string[];
  count(): number;
}
