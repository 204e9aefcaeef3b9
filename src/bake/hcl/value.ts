import { compare, type ExactNumber } from "./exact-number.ts";

/** What kind of values an expression has: HCL's types. */
export type Type =
  | { readonly kind: "string" | "number" | "bool" }
  /** Anything. */
  | { readonly kind: "any" }
  | { readonly kind: "list" | "set" | "map"; readonly element: Type }
  | { readonly kind: "tuple"; readonly elements: readonly Type[] }
  | {
      readonly kind: "object";
      readonly attributes: ReadonlyMap<string, Type>;
      /** Those that may be missing, with what they then are. */
      readonly optional?: ReadonlyMap<string, Value | undefined>;
    };

export type Value =
  | { readonly kind: "null"; readonly type: Type }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "number"; readonly value: ExactNumber }
  | { readonly kind: "bool"; readonly value: boolean }
  | { readonly kind: "list" | "set"; readonly element: Type; readonly items: readonly Value[] }
  | { readonly kind: "tuple"; readonly items: readonly Value[] }
  | {
      readonly kind: "map";
      readonly element: Type;
      /** In the order of the keys. */
      readonly entries: ReadonlyMap<string, Value>;
    }
  | { readonly kind: "object"; readonly entries: ReadonlyMap<string, Value> };

export type SequenceValue = Extract<Value, { readonly kind: "list" | "set" | "tuple" }>;
export type EntriesValue = Extract<Value, { readonly kind: "map" | "object" }>;

export const STRING: Type = { kind: "string" };
export const NUMBER: Type = { kind: "number" };
export const BOOL: Type = { kind: "bool" };
export const ANY: Type = { kind: "any" };

export const TRUE: Value = { kind: "bool", value: true };
export const FALSE: Value = { kind: "bool", value: false };

export function text(value: string): Value {
  return { kind: "string", value: value.normalize("NFC") };
}

export function number(value: ExactNumber): Value {
  return { kind: "number", value };
}

export function bool(value: boolean): Value {
  return value ? TRUE : FALSE;
}

export function nullOf(type: Type = ANY): Value {
  return { kind: "null", type };
}

export function tuple(items: readonly Value[]): SequenceValue {
  return { kind: "tuple", items };
}

export function list(element: Type, items: readonly Value[]): SequenceValue {
  return { kind: "list", element, items };
}

/** Each value once, in HCL's order. */
export function set(element: Type, items: readonly Value[]): SequenceValue {
  const distinct = distinctValues(items);
  return { kind: "set", element, items: distinct.toSorted(compareValues) };
}

/** Keys in HCL's order. */
export function object(entries: Iterable<readonly [string, Value]>): EntriesValue {
  return { kind: "object", entries: sortedEntries(entries) };
}

export function map(element: Type, entries: Iterable<readonly [string, Value]>): EntriesValue {
  return { kind: "map", element, entries: sortedEntries(entries) };
}

function sortedEntries(entries: Iterable<readonly [string, Value]>): ReadonlyMap<string, Value> {
  return new Map([...entries].toSorted(([left], [right]) => compareTexts(left, right)));
}

/** By bytes of UTF-8, as Go compares. */
export function compareTexts(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}

export function typeOf(value: Value): Type {
  switch (value.kind) {
    case "null":
      return value.type;
    case "string":
    case "number":
    case "bool":
      return { kind: value.kind };
    case "list":
    case "set":
    case "map":
      return { kind: value.kind, element: value.element };
    case "tuple":
      return { kind: "tuple", elements: value.items.map(typeOf) };
    case "object":
      return {
        kind: "object",
        attributes: new Map([...value.entries].map(([name, one]) => [name, typeOf(one)])),
      };
  }
}

export function isSequence(value: Value): value is SequenceValue {
  return value.kind === "list" || value.kind === "set" || value.kind === "tuple";
}

export function hasEntries(value: Value): value is EntriesValue {
  return value.kind === "map" || value.kind === "object";
}

export function isSameType(left: Type, right: Type): boolean {
  switch (left.kind) {
    case "string":
    case "number":
    case "bool":
    case "any":
      return left.kind === right.kind;
    case "list":
    case "set":
    case "map":
      return left.kind === right.kind && isSameType(left.element, right.element);
    case "tuple":
      return (
        right.kind === "tuple" &&
        left.elements.length === right.elements.length &&
        left.elements.every((one, index) => isSameType(one, right.elements[index] ?? ANY))
      );
    case "object":
      return (
        right.kind === "object" &&
        left.attributes.size === right.attributes.size &&
        [...left.attributes].every(([name, one]) => {
          const other = right.attributes.get(name);
          return other !== undefined && isSameType(one, other);
        })
      );
  }
}

/** Same type and same content: nulls equal each other whatever their type. */
export function isEqual(left: Value, right: Value): boolean {
  if (left.kind === "null" || right.kind === "null") return left.kind === right.kind;
  if (isSequence(left) && isSequence(right)) {
    return (
      left.kind === right.kind &&
      left.items.length === right.items.length &&
      left.items.every((one, index) => isEqual(one, right.items[index] ?? nullOf()))
    );
  }
  if (hasEntries(left) && hasEntries(right)) {
    return (
      left.kind === right.kind &&
      left.entries.size === right.entries.size &&
      [...left.entries].every(([name, one]) => {
        const other = right.entries.get(name);
        return other !== undefined && isEqual(one, other);
      })
    );
  }
  if (left.kind === "number" && right.kind === "number") {
    return compare(left.value, right.value) === 0;
  }
  if (left.kind === "string" && right.kind === "string") return left.value === right.value;
  if (left.kind === "bool" && right.kind === "bool") return left.value === right.value;
  return false;
}

export function distinctValues(items: readonly Value[]): readonly Value[] {
  const found: Value[] = [];
  for (const item of items) {
    if (!found.some((one) => isEqual(one, item))) found.push(item);
  }
  return found;
}

/** The order of a set's values: of strings and numbers the natural one; others by how they are written. */
function compareValues(left: Value, right: Value): number {
  if (left.kind === "null" || right.kind === "null") {
    return Number(left.kind === "null") - Number(right.kind === "null");
  }
  if (left.kind === "number" && right.kind === "number") return compare(left.value, right.value);
  if (left.kind === "string" && right.kind === "string") {
    return compareTexts(left.value, right.value);
  }
  if (left.kind === "bool" && right.kind === "bool") {
    return Number(left.value) - Number(right.value);
  }
  if (isSequence(left) && isSequence(right)) {
    for (const [index, one] of left.items.entries()) {
      const other = right.items[index];
      const order = other === undefined ? 1 : compareValues(one, other);
      if (order !== 0) return order;
    }
    return left.items.length - right.items.length;
  }
  if (hasEntries(left) && hasEntries(right)) {
    for (const [name, one] of left.entries) {
      const order = compareValues(one, right.entries.get(name) ?? nullOf());
      if (order !== 0) return order;
    }
  }
  return 0;
}

/** The type in words: `list of string`. */
export function typeName(type: Type): string {
  switch (type.kind) {
    case "any":
      return "any type";
    case "string":
    case "number":
    case "bool":
    case "tuple":
    case "object":
      return type.kind;
    case "list":
    case "set":
    case "map":
      return `${type.kind} of ${typeName(type.element)}`;
  }
}
