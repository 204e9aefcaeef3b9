import { InvalidArgumentError } from "#base/errors.ts";
import { parseJson } from "#base/json.ts";
import { quoteGo } from "#base/go-number.ts";
import { tryCompilePattern } from "#base/linear-pattern.ts";

/**
 * The `filters` query of list, prune and events: names to wanted values. Values of one name are
 * alternatives, names are joined by "and"; `label` and `label!` want all their values.
 */
export type Filters = ReadonlyMap<string, readonly string[]>;

export const NO_FILTERS: Filters = new Map();

const MAX_LENGTH = 1024 * 1024;

function readValues(values: unknown): readonly string[] {
  if (Array.isArray(values)) {
    return values.map((value: unknown) => {
      if (typeof value !== "string") throw new InvalidArgumentError("invalid filter");
      return value;
    });
  }
  // the shape since API 1.22: {"label":{"a=b":true}}; what is false counts too, as in Docker
  if (typeof values !== "object" || values === null)
    throw new InvalidArgumentError("invalid filter");
  return Object.entries(values).map(([value, wanted]: [string, unknown]) => {
    if (typeof wanted !== "boolean") throw new InvalidArgumentError("invalid filter");
    return value;
  });
}

/**
 * @param query Text of the `filters` parameter; empty or missing means none.
 * @param accepted Names that the endpoint knows.
 * @throws {InvalidArgumentError} With Docker's texts.
 */
export function parseFilters(
  query: string | undefined | null,
  accepted: readonly string[],
): Filters {
  if (!query) return NO_FILTERS;
  let parsed: unknown;
  try {
    parsed = parseJson(query, { maxDepth: 4, maxLength: MAX_LENGTH });
  } catch (cause) {
    throw new InvalidArgumentError("invalid filter", { cause });
  }
  if (typeof parsed !== "object" || Array.isArray(parsed)) {
    throw new InvalidArgumentError("invalid filter");
  }
  const filters = new Map<string, readonly string[]>();
  for (const [name, values] of Object.entries(parsed ?? {})) {
    if (!accepted.includes(name)) throw new InvalidArgumentError(`invalid filter '${name}'`);
    filters.set(name, [...new Set(readValues(values))]);
  }
  return filters;
}

/** The query text for filters, in the shape that every engine takes. */
export function formatFilters(filters: Filters): string {
  const entries = [...filters].map(([name, values]): [string, Record<string, boolean>] => [
    name,
    Object.fromEntries(values.map((value): [string, boolean] => [value, true])),
  ]);
  return JSON.stringify(Object.fromEntries(entries));
}

export function filterValues(filters: Filters, name: string): readonly string[] {
  return filters.get(name) ?? [];
}

/** Whether the name was not asked for, or `value` is one of the wanted. */
export function matchesExactly(filters: Filters, name: string, value: string): boolean {
  const wanted = filterValues(filters, name);
  return wanted.length === 0 || wanted.includes(value);
}

/** Whether a wanted value is a prefix of `value`: IDs. */
export function matchesPrefix(filters: Filters, name: string, value: string): boolean {
  const wanted = filterValues(filters, name);
  return wanted.length === 0 || wanted.some((prefix) => value.startsWith(prefix));
}

/**
 * Docker's match for names: the value itself, or a regular expression found in it. A broken
 * expression matches nothing but itself.
 */
export function matchesName(filters: Filters, name: string, value: string): boolean {
  const wanted = filterValues(filters, name);
  if (wanted.length === 0) return true;
  return wanted.some((text) => text === value || tryCompilePattern(text)?.(value) === true);
}

/** Docker's match for container names: stored with a slash, which a pattern may or may not have. */
export function matchesContainerName(filters: Filters, containerName: string): boolean {
  return (
    matchesName(filters, "name", `/${containerName}`) || matchesName(filters, "name", containerName)
  );
}

function hasLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const equals = wanted.indexOf("=");
  const key = equals < 0 ? wanted : wanted.slice(0, equals);
  if (!Object.hasOwn(labels, key)) return false;
  return equals < 0 || labels[key] === wanted.slice(equals + 1);
}

/** All values of `label`, none of `label!`; each is `key` or `key=value`. */
export function matchesLabels(filters: Filters, labels: Readonly<Record<string, string>>): boolean {
  return (
    filterValues(filters, "label").every((wanted) => hasLabel(labels, wanted)) &&
    !filterValues(filters, "label!").some((wanted) => hasLabel(labels, wanted))
  );
}

/**
 * A filter that is on or off: `dangling=true`.
 *
 * @returns `undefined` where it was not given.
 * @throws {InvalidArgumentError} For any other or for contradicting values.
 */
export function booleanFilter(filters: Filters, name: string): boolean | undefined {
  const values = filterValues(filters, name);
  if (values.length === 0) return undefined;
  const isOn = values.some((value) => /^(?:1|true)$/i.test(value));
  const isOff = values.some((value) => /^(?:0|false)$/i.test(value));
  if (isOn === isOff || !values.every((value) => /^(?:0|1|true|false)$/i.test(value))) {
    throw new InvalidArgumentError(`invalid filter '${name}=[${values.join(" ")}]'`);
  }
  return isOn;
}

/** @throws {InvalidArgumentError} When a value is not one of `allowed`. */
export function enumFilter(
  filters: Filters,
  name: string,
  noun: string,
  allowed: readonly string[],
): readonly string[] {
  const values = filterValues(filters, name);
  for (const value of values) {
    if (!allowed.includes(value)) {
      throw new InvalidArgumentError(
        `invalid filter '${name}=${value}': invalid value for ${noun} (${value}): ` +
          `must be one of ${allowed.join(", ")}`,
      );
    }
  }
  return values;
}

/** @throws {InvalidArgumentError} When a value is no integer. */
export function integerFilter(filters: Filters, name: string): readonly number[] {
  return filterValues(filters, name).map((value) => {
    if (!/^[-+]?[0-9]{1,15}$/.test(value)) {
      throw new InvalidArgumentError(
        `invalid filter '${name}=${value}': strconv.Atoi: parsing ${quoteGo(value)}: invalid syntax`,
      );
    }
    return Number(value);
  });
}
