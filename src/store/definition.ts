import { FailedPreconditionError, InternalError, invariant } from "#base/errors.ts";
import type { CollectionDefinition } from "./store.ts";

/** @throws {InternalError} When the name or version breaks the rules: a bug in Wharf. */
export function checkDefinition(definition: {
  readonly name: string;
  readonly version: number;
}): void {
  const { name, version } = definition;
  invariant(/^[a-z]+$/.test(name), `collection name "${name}" is not lower-case letters`);
  invariant(
    Number.isInteger(version) && version >= 1,
    `collection "${name}" has version ${version}`,
  );
}

/** The secondary keys of one record, each pair once, sorted: equal lists mean equal index rows. */
export function indexEntries<V>(
  definition: CollectionDefinition<V>,
  value: V,
): readonly (readonly [index: string, value: string])[] {
  const entries: [string, string][] = [];
  for (const [index, valuesOf] of Object.entries(definition.indexes ?? {})) {
    for (const each of new Set(valuesOf(value))) entries.push([index, each]);
  }
  return entries.sort((a, b) => compareKeys(a[0], b[0]) || compareKeys(a[1], b[1]));
}

/** A record as text. @throws {InternalError} When `value` is nothing that JSON can say. */
export function encodeRecord(collection: string, key: string, value: unknown): string {
  const text: string | undefined = JSON.stringify(value);
  if (text === undefined) {
    throw new InternalError(`Cannot store "${key}" in ${collection}: the value is not JSON`);
  }
  return text;
}

/**
 * A stored value in today's shape.
 *
 * @throws {FailedPreconditionError} A newer Wharf wrote it. {InternalError} No migration is declared.
 */
export function migrateRecord<V>(
  definition: CollectionDefinition<V>,
  value: unknown,
  fromVersion: number,
): V {
  const { name, version, migrate } = definition;
  if (fromVersion > version) throw newerVersionError(name, fromVersion, version);
  if (migrate === undefined) {
    throw new InternalError(
      `Cannot migrate ${name} from version ${fromVersion}: no migration is declared`,
    );
  }
  return migrate(value, fromVersion);
}

function newerVersionError(name: string, found: number, known: number): FailedPreconditionError {
  return new FailedPreconditionError(
    `Cannot read ${name}: a newer Wharf wrote version ${found}, this one knows up to ${known}; ` +
      "start that Wharf, or use another data root",
  );
}

/** @throws {InternalError} When a transaction's work is asynchronous: others would be part of it. */
export function requireSynchronous(result: unknown): void {
  invariant(!(result instanceof Promise), "a transaction's work returned a promise");
}

/** The order of keys: by code point, as SQLite compares UTF-8. JavaScript's own `<` is by UTF-16 unit. */
export function compareKeys(a: string, b: string): number {
  return a === b ? 0 : Buffer.compare(Buffer.from(a), Buffer.from(b));
}
