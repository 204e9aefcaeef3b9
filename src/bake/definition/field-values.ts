import { InvalidArgumentError } from "#base/errors.ts";
import { convert } from "#bake/hcl/convert.ts";
import { toNumber } from "#bake/hcl/exact-number.ts";
import { DefinitionError, type SourceRange } from "#bake/hcl/source.ts";
import {
  ANY,
  BOOL,
  bool,
  hasEntries,
  isSequence,
  list,
  map,
  nullOf,
  object,
  STRING,
  text,
  tuple,
  type Type,
  type Value,
} from "#bake/hcl/value.ts";
import { type Entry, type EntryKind, entryOf, parseEntries } from "./entries.ts";
import { type FieldKind, type FieldName, TARGET_FIELDS, type TargetFields } from "./target.ts";

const LIST_OF_TEXTS: Type = { kind: "list", element: STRING };
const MAP_OF_TEXTS: Type = { kind: "map", element: STRING };

/** What a field's expression came to, as the field holds it. @returns Undefined where it is null. */
export function fieldValue(
  name: string,
  kind: FieldKind,
  value: Value,
  range: SourceRange,
): TargetFields[FieldName] {
  if (value.kind === "null") return undefined;
  switch (kind) {
    case "text": {
      const made = converted(name, value, STRING, range);
      return made.kind === "string" ? made.value : undefined;
    }
    case "bool": {
      const made = converted(name, value, BOOL, range);
      return made.kind === "bool" ? made.value : undefined;
    }
    case "texts":
      return textsOf(converted(name, value, LIST_OF_TEXTS, range));
    case "map":
    case "nullable-map": {
      const made = converted(name, value, MAP_OF_TEXTS, range);
      const entries = hasEntries(made) ? [...made.entries] : [];
      return Object.fromEntries(
        entries.flatMap(([key, one]) => (one.kind === "string" ? [[key, one.value]] : [])),
      );
    }
    default:
      return entriesOf(name, kind, value, range);
  }
}

function converted(name: string, value: Value, type: Type, range: SourceRange): Value {
  const made = convert(value, type);
  if (made.ok) return made.value;
  throw new DefinitionError(
    range,
    "Unsuitable value type",
    `Unsuitable value for "${name}": ${made.reason}.`,
  );
}

function textsOf(value: Value): readonly string[] {
  return isSequence(value)
    ? value.items.flatMap((one) => (one.kind === "string" ? [one.value] : []))
    : [];
}

function entriesOf(
  name: string,
  kind: EntryKind,
  value: Value,
  range: SourceRange,
): readonly Entry[] {
  const fail = (reason: string): never => {
    throw new DefinitionError(
      range,
      "Unsuitable value type",
      `Unsuitable value for "${name}": ${reason}.`,
    );
  };
  if (!isSequence(value)) return fail("a list is required");
  try {
    return value.items.flatMap((one): readonly Entry[] => {
      if (one.kind === "null") return [];
      if (hasEntries(one)) return [entryOf(kind, attributesOf(one.entries))];
      const made = convert(one, STRING);
      if (made.ok && made.value.kind === "string") return parseEntries(kind, [made.value.value]);
      return fail("each is a text or an object");
    });
  } catch (error) {
    if (error instanceof DefinitionError || !(error instanceof InvalidArgumentError)) throw error;
    return fail(error.message);
  }
}

function attributesOf(entries: ReadonlyMap<string, Value>): Entry {
  return Object.fromEntries(
    [...entries].flatMap(([name, value]): readonly (readonly [string, Entry[string]])[] => {
      if (isSequence(value)) return [[name, textsOf(value)]];
      if (value.kind === "bool")
        return [[name, name === "disabled" ? value.value : String(value.value)]];
      if (value.kind === "number") return [[name, String(toNumber(value.value))]];
      return value.kind === "string" ? [[name, value.value]] : [];
    }),
  );
}

/** The field as other expressions see it: `target.app.tags`. */
export function valueOfField(name: FieldName, value: TargetFields[FieldName]): Value {
  const { kind } = TARGET_FIELDS[name];
  if (value === undefined) return nullOf(typeOfKind(kind));
  if (typeof value === "string") return text(value);
  if (typeof value === "boolean") return bool(value);
  if (!isList(value)) {
    return map(
      STRING,
      Object.entries(value).map(([key, one]) => [key, text(String(one))]),
    );
  }
  if (kind === "texts")
    return list(
      STRING,
      value.map((one) => text(typeof one === "string" ? one : "")),
    );
  return tuple(value.map((one) => (typeof one === "string" ? text(one) : valueOfEntry(one))));
}

function isList(value: object): value is readonly (string | Entry)[] {
  return Array.isArray(value);
}

function valueOfEntry(entry: Entry): Value {
  return object(
    Object.entries(entry).map(([name, value]): [string, Value] => {
      if (typeof value === "string") return [name, text(value)];
      if (typeof value === "boolean") return [name, bool(value)];
      return [name, list(STRING, value.map(text))];
    }),
  );
}

function typeOfKind(kind: FieldKind): Type {
  switch (kind) {
    case "text":
      return STRING;
    case "bool":
      return BOOL;
    case "texts":
      return LIST_OF_TEXTS;
    case "map":
    case "nullable-map":
      return MAP_OF_TEXTS;
    default:
      return ANY;
  }
}
