import { formatGeneral } from "#base/go-number.ts";

/**
 * How JavaScript values stand for Go's: whole numbers are `int`, others `float64`, arrays slices,
 * plain objects structs read as maps, `Map`s maps whose keys are data, `TemplateStruct` structs, `null` a nil interface, `undefined` no
 * value at all.
 */
export type GoValue = unknown;

/**
 * A struct with methods. A function among the fields is called on use: with nothing for `.Name`,
 * with the operands for `.Label "x"`.
 */
export class TemplateStruct {
  /** Shown in errors: `*formatter.ContainerContext`. */
  readonly goType: string;
  readonly fields: Readonly<Record<string, unknown>>;

  readonly #jsonFields: Readonly<Record<string, unknown>>;

  /** @param jsonFields What `json` prints, where it is something else than the fields. */
  constructor(
    goType: string,
    fields: Readonly<Record<string, unknown>>,
    jsonFields: Readonly<Record<string, unknown>> = fields,
  ) {
    this.goType = goType;
    this.fields = fields;
    this.#jsonFields = jsonFields;
  }

  /** What `json` prints: every field that needs no operand, sorted by name. */
  toJSON(): Record<string, unknown> {
    const pairs = Object.entries(this.#jsonFields)
      .filter(([, value]) => typeof value !== "function" || value.length === 0)
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([key, value]): [string, unknown] => [key, resolveField(value)]);
    return Object.fromEntries(pairs);
  }
}

function isCallable(value: unknown): value is (...operands: readonly unknown[]) => unknown {
  return typeof value === "function";
}

/** The value of a field or, for a method, of its call. */
export function resolveField(value: unknown, operands: readonly unknown[] = []): GoValue {
  return isCallable(value) ? value(...operands) : value;
}

export function isMap(
  value: GoValue,
): value is Readonly<Record<string, unknown>> | ReadonlyMap<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  return !Array.isArray(value) && !(value instanceof TemplateStruct) && !(value instanceof Date);
}

/** Pairs of a map, keys in Go's order. */
export function mapEntries(value: GoValue): readonly (readonly [string, unknown])[] {
  if (!isMap(value)) return [];
  const entries =
    value instanceof Map
      ? Array.from(value, ([key, item]): [string, unknown] => [String(key), item])
      : Object.entries(value);
  return entries.sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0));
}

/** @returns `undefined` where the key is missing. */
export function mapGet(value: GoValue, key: string): GoValue {
  if (value instanceof Map) return value.get(key);
  if (!isMap(value) || !Object.hasOwn(value, key)) return undefined;
  return Object.getOwnPropertyDescriptor(value, key)?.value ?? null;
}

export function mapHas(value: GoValue, key: string): boolean {
  return value instanceof Map ? value.has(key) : isMap(value) && Object.hasOwn(value, key);
}

/** The Go type's name, for errors and `%T`. */
export function typeName(value: GoValue): string {
  if (value === null || value === undefined) return "<nil>";
  if (typeof value === "string") return "string";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "bigint") return "int64";
  if (typeof value === "number") return Number.isInteger(value) ? "int" : "float64";
  if (Array.isArray(value)) {
    return value.length > 0 && value.every((item) => typeof item === "string")
      ? "[]string"
      : "[]interface {}";
  }
  if (value instanceof TemplateStruct) return value.goType;
  if (typeof value === "function") return "func()";
  const items = mapEntries(value);
  const isOfStrings = items.length > 0 && items.every(([, item]) => typeof item === "string");
  return isOfStrings ? "map[string]string" : "map[string]interface {}";
}

/**
 * Marks maps whose keys are data (labels, options) inside plain JSON, by the name of their field: a
 * missing key of these is `<no value>` even where missing fields are errors.
 */
export function withTypedMaps(value: unknown, fieldNames: ReadonlySet<string>): unknown {
  if (Array.isArray(value)) return value.map((item) => withTypedMaps(item, fieldNames));
  if (!isMap(value) || value instanceof Map) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]): [string, unknown] => {
      const isData = fieldNames.has(key) && isMap(item);
      return [key, isData ? new Map(mapEntries(item)) : withTypedMaps(item, fieldNames)];
    }),
  );
}

/** Go's `%v`. */
export function formatValue(value: GoValue): string {
  if (value === null || value === undefined) return "<nil>";
  if (typeof value === "string") return value;
  if (typeof value === "number") {
    return Number.isInteger(value) && Math.abs(value) < 1e21
      ? BigInt(value).toString()
      : formatGeneral(value);
  }
  if (Array.isArray(value)) return `[${value.map(formatValue).join(" ")}]`;
  if (value instanceof Date) return value.toISOString();
  if (value instanceof TemplateStruct) {
    const fields = Object.values(value.fields).filter((field) => typeof field !== "function");
    return `{${fields.map(formatValue).join(" ")}}`;
  }
  if (isMap(value)) {
    return `map[${mapEntries(value)
      .map(([key, item]) => `${key}:${formatValue(item)}`)
      .join(" ")}]`;
  }
  return typeof value === "boolean" || typeof value === "bigint" ? String(value) : "<func>";
}

/** Go's truth: the zero value, nil and what is empty are false. */
export function isTrue(value: GoValue): boolean {
  if (value === null || value === undefined || value === false || value === "") return false;
  if (value === 0 || value === 0n) return false;
  if (Array.isArray(value)) return value.length > 0;
  if (value instanceof Map) return value.size > 0;
  return isMap(value) ? Object.keys(value).length > 0 : true;
}
