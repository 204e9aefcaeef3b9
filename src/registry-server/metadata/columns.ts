import { invariant } from "#base/errors.ts";
import { type Digest, tryParseDigest } from "#spec/digest.ts";
import type { SqlRow } from "#store/sql/database.ts";

/** Readers of columns: what a table holds, these very types were written by us. */

export function textOf(row: SqlRow, column: string): string {
  const value = row[column];
  invariant(typeof value === "string", `column ${column} is text`);
  return value;
}

export function optionalTextOf(row: SqlRow, column: string): string | undefined {
  return row[column] === null || row[column] === undefined ? undefined : textOf(row, column);
}

/** PostgreSQL gives 64-bit integers as text. */
export function numberOf(row: SqlRow, column: string): number {
  const value = Number(row[column]);
  invariant(Number.isSafeInteger(value), `column ${column} is an integer`);
  return value;
}

export function digestOfColumn(row: SqlRow, column: string): Digest {
  const result = tryParseDigest(textOf(row, column));
  invariant(result.ok, `column ${column} is a digest`);
  return result.digest;
}

export function bytesOf(row: SqlRow, column: string): Uint8Array<ArrayBuffer> {
  const value = row[column];
  invariant(value instanceof Uint8Array, `column ${column} is bytes`);
  return value as Uint8Array<ArrayBuffer>;
}

export function flagOf(row: SqlRow, column: string): boolean {
  return numberOf(row, column) !== 0;
}
