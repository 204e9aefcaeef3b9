import { formatExact, tryParseExact } from "./exact-number.ts";
import {
  ANY,
  bool,
  hasEntries,
  isSameType,
  isSequence,
  list,
  map,
  nullOf,
  number,
  object,
  set,
  text,
  tuple,
  type Type,
  typeName,
  typeOf,
  type Value,
} from "./value.ts";

/** A value that cannot be what is asked, with why: `string required`. */
export interface NotConverted {
  readonly ok: false;
  readonly reason: string;
}

export type Conversion = { readonly ok: true; readonly value: Value } | NotConverted;

function refused(reason: string): NotConverted {
  return { ok: false, reason };
}

/** The same value as another type, where HCL converts one to the other by itself. */
export function convert(value: Value, type: Type): Conversion {
  if (type.kind === "any") return { ok: true, value };
  if (value.kind === "null") return { ok: true, value: nullOf(type) };
  switch (type.kind) {
    case "string":
      return convertToString(value);
    case "number":
      return convertToNumber(value);
    case "bool":
      return convertToBool(value);
    case "list":
    case "set":
      return convertToCollection(value, type.kind, type.element);
    case "map":
      return convertToMap(value, type.element);
    case "tuple":
      return convertToTuple(value, type.elements);
    case "object":
      return convertToObject(value, type);
  }
}

function convertToString(value: Value): Conversion {
  const found = textOf(value);
  return found === undefined ? refused("string required") : { ok: true, value: text(found) };
}

/** A scalar as text. @returns Undefined for nulls and collections. */
export function textOf(value: Value): string | undefined {
  switch (value.kind) {
    case "string":
      return value.value;
    case "number":
      return formatExact(value.value);
    case "bool":
      return String(value.value);
    default:
      return undefined;
  }
}

function convertToNumber(value: Value): Conversion {
  if (value.kind === "number") return { ok: true, value };
  const found = value.kind === "string" ? tryParseExact(value.value) : undefined;
  if (found) return { ok: true, value: number(found) };
  return refused(value.kind === "string" ? "a number is required" : "number required");
}

function convertToBool(value: Value): Conversion {
  if (value.kind === "bool") return { ok: true, value };
  if (value.kind === "string") {
    if (value.value === "true" || value.value === "1") return { ok: true, value: bool(true) };
    if (value.value === "false" || value.value === "0") return { ok: true, value: bool(false) };
    return refused("a bool is required");
  }
  return refused("bool required");
}

function convertToCollection(value: Value, kind: "list" | "set", element: Type): Conversion {
  if (!isSequence(value)) return refused(`${typeName({ kind, element })} required`);
  const wanted = element.kind === "any" ? commonType(value.items.map(typeOf)) : element;
  if (!wanted) return refused("all elements must be of the same type");
  const items: Value[] = [];
  for (const [index, item] of value.items.entries()) {
    const made = convert(item, wanted);
    if (!made.ok) return refused(`element ${index}: ${made.reason}`);
    items.push(made.value);
  }
  return { ok: true, value: kind === "list" ? list(wanted, items) : set(wanted, items) };
}

function convertToMap(value: Value, element: Type): Conversion {
  if (!hasEntries(value)) return refused(`${typeName({ kind: "map", element })} required`);
  const types = [...value.entries.values()].map(typeOf);
  const wanted = element.kind === "any" ? commonType(types) : element;
  if (!wanted) return refused("all map elements must have the same type");
  const entries: [string, Value][] = [];
  for (const [name, one] of value.entries) {
    const made = convert(one, wanted);
    if (!made.ok) return refused(`element ${JSON.stringify(name)}: ${made.reason}`);
    entries.push([name, made.value]);
  }
  return { ok: true, value: map(wanted, entries) };
}

function convertToTuple(value: Value, elements: readonly Type[]): Conversion {
  if (!isSequence(value)) return refused("tuple required");
  if (value.items.length !== elements.length) {
    return refused(`tuple of ${elements.length} elements required`);
  }
  const items: Value[] = [];
  for (const [index, item] of value.items.entries()) {
    const made = convert(item, elements[index] ?? ANY);
    if (!made.ok) return refused(`element ${index}: ${made.reason}`);
    items.push(made.value);
  }
  return { ok: true, value: tuple(items) };
}

function convertToObject(value: Value, type: Extract<Type, { kind: "object" }>): Conversion {
  if (!hasEntries(value)) return refused("object required");
  const entries: [string, Value][] = [];
  for (const [name, wanted] of type.attributes) {
    const found = value.entries.get(name);
    if (found === undefined || (found.kind === "null" && type.optional?.has(name))) {
      if (!type.optional?.has(name))
        return refused(`attribute ${JSON.stringify(name)} is required`);
      entries.push([name, type.optional.get(name) ?? nullOf(wanted)]);
      continue;
    }
    const made = convert(found, wanted);
    if (!made.ok) return refused(`attribute ${JSON.stringify(name)}: ${made.reason}`);
    entries.push([name, made.value]);
  }
  return { ok: true, value: object(entries) };
}

/** The type that values of all these can be converted to; undefined where there is none. */
export function commonType(types: readonly Type[]): Type | undefined {
  const known = types.filter(({ kind }) => kind !== "any");
  const [first] = known;
  if (!first) return ANY;
  if (known.every((one) => isSameType(one, first))) return first;
  const scalars = known.every(({ kind }) => ["string", "number", "bool"].includes(kind));
  // of scalars everything but a string has a form as one
  if (scalars) return known.some(({ kind }) => kind === "string") ? { kind: "string" } : undefined;
  const alike = commonStructure(known);
  if (alike) return alike;
  const sequences = known.flatMap(elementTypes);
  if (known.every(({ kind }) => kind === "list" || kind === "set" || kind === "tuple")) {
    const element = commonType(sequences);
    return element && { kind: "list", element };
  }
  if (known.every(({ kind }) => kind === "map" || kind === "object")) {
    const element = commonType(sequences);
    return element && { kind: "map", element };
  }
  return undefined;
}

/** Tuples of one length, or objects with the same names, item by item. */
function commonStructure(types: readonly Type[]): Type | undefined {
  const tuples = types.filter((type) => type.kind === "tuple");
  const length = tuples[0]?.elements.length;
  if (tuples.length === types.length && tuples.every((one) => one.elements.length === length)) {
    const elements = Array.from({ length: length ?? 0 }, (_, index) =>
      commonType(tuples.map((one) => one.elements[index] ?? ANY)),
    ).filter((one) => one !== undefined);
    return elements.length === length ? { kind: "tuple", elements } : undefined;
  }
  const objects = types.filter((type) => type.kind === "object");
  const names = [...(objects[0]?.attributes.keys() ?? [])];
  const isAlike = objects.every(
    ({ attributes }) =>
      attributes.size === names.length && names.every((one) => attributes.has(one)),
  );
  if (objects.length !== types.length || !isAlike) return undefined;
  const attributes = new Map<string, Type>();
  for (const name of names) {
    const common = commonType(objects.map((one) => one.attributes.get(name) ?? ANY));
    if (common) attributes.set(name, common);
  }
  return attributes.size === names.length ? { kind: "object", attributes } : undefined;
}

function elementTypes(type: Type): readonly Type[] {
  switch (type.kind) {
    case "list":
    case "set":
    case "map":
      return [type.element];
    case "tuple":
      return type.elements;
    case "object":
      return [...type.attributes.values()];
    default:
      return [];
  }
}
