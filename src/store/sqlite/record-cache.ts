/** Records of a collection, or answers of its indexes, that are kept; then all are forgotten. */
const MOST = 64;

/** A record, its value as JSON. */
export interface Row {
  readonly key: string;
  readonly value: string;
}

/**
 * What a collection has read or written last. A request asks for its image and its snapshot again and again, and each read
 * outside of a transaction is one of its own, with locks to take and to give back (10 to 60 µs); nobody but the daemon
 * writes. As texts: an object would be shared by all who ask, and one of them might change it.
 */
export class RecordCache {
  readonly #rows = new Map<string, Row>();
  readonly #found = new Map<string, readonly Row[]>();

  /** @param read Asked for what is not known; null where there is no such record. */
  row(key: string, read: () => Row | null): Row | null {
    const known = this.#rows.get(key);
    if (known) return known;
    const row = read();
    if (row) keep(this.#rows, key, row);
    return row;
  }

  /** @param read Asked for what is not known. */
  found(index: string, value: string, read: () => readonly Row[]): readonly Row[] {
    const question = `${index}\0${value}`;
    const known = this.#found.get(question);
    if (known) return known;
    const rows = read();
    keep(this.#found, question, rows);
    return rows;
  }

  /** To be called when the record has been written. */
  keep(row: Row): void {
    keep(this.#rows, row.key, row);
  }

  /** To be called before the record is written. */
  forget(key: string): void {
    this.#rows.delete(key);
    this.#found.clear();
  }

  /** To be called when writes are undone. */
  forgetAll(): void {
    this.#rows.clear();
    this.#found.clear();
  }
}

function keep<T>(map: Map<string, T>, key: string, value: T): void {
  if (map.size >= MOST) map.clear();
  map.set(key, value);
}
