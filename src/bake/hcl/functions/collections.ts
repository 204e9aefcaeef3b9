import { commonType, convert } from "#bake/hcl/convert.ts";
import { integer } from "#bake/hcl/exact-number.ts";
import { ArgumentError, hclFunction } from "#bake/hcl/function.ts";
import type { HclFunction } from "#bake/hcl/scope.ts";
import {
  ANY,
  bool,
  distinctValues,
  hasEntries,
  isEqual,
  isSequence,
  list,
  map,
  nullOf,
  number,
  NUMBER,
  object,
  type SequenceValue,
  set,
  STRING,
  text,
  tuple,
  type Type,
  typeOf,
  type Value,
} from "#bake/hcl/value.ts";
import {
  anyParameter,
  asEntries,
  asInteger,
  asSequence,
  asText,
  asTexts,
  describe,
  listParameter,
  nullableParameter,
  numberParameter,
  textParameter,
} from "./arguments.ts";

/** Results of `setproduct` and the like that are too many to mean anything. */
const LARGEST_PRODUCT = 100_000;

const SET_OF_ANY: Type = { kind: "set", element: ANY };
const setParameter = (name: string): { readonly name: string; readonly type: Type } => ({
  name,
  type: SET_OF_ANY,
});

/** A list where the values have a common type, else a tuple. */
function sequenceOf(values: readonly Value[]): Value {
  const common = commonType(values.map(typeOf));
  if (!common) return tuple(values);
  return list(
    common,
    values.map((one) => as(one, common)),
  );
}

function as(value: Value, type: Type): Value {
  const made = convert(value, type);
  return made.ok ? made.value : value;
}

/** Of a list a list, of a tuple a tuple. */
function alike(sequence: SequenceValue, items: readonly Value[]): Value {
  return sequence.kind === "tuple" ? tuple(items) : list(sequence.element, items);
}

function setsOf(values: readonly Value[]): readonly SequenceValue[] {
  const sets = values.map((value, index) => asSequence(value, index));
  const common = commonType(sets.flatMap(({ items }) => items.map(typeOf)));
  if (!common) throw new ArgumentError(-1, "all sets must have the same element type");
  return sets.map(({ items }) =>
    set(
      common,
      items.map((one) => as(one, common)),
    ),
  );
}

function ofSets(
  combine: (left: readonly Value[], right: readonly Value[]) => readonly Value[],
): HclFunction {
  return hclFunction(
    [setParameter("first_set")],
    (...values) => {
      const [first, ...others] = setsOf(values);
      const items = others.reduce((done, one) => combine(done, one.items), first?.items ?? []);
      return set(first?.kind === "set" ? first.element : ANY, items);
    },
    setParameter("other_sets"),
  );
}

const has = (items: readonly Value[], value: Value): boolean =>
  items.some((one) => isEqual(one, value));

function lengthOf(value: Value | undefined): number {
  if (value && isSequence(value)) return value.items.length;
  if (value && hasEntries(value)) return value.entries.size;
  throw new ArgumentError(0, `a collection is required, not ${describe(value)}`);
}

function elementAt(sequence: SequenceValue, at: number): Value {
  const found = sequence.items.at(at);
  if (found) return found;
  throw new ArgumentError(-1, "cannot use element function with an empty list");
}

function flatItems(value: Value): readonly Value[] {
  return isSequence(value) ? value.items.flatMap(flatItems) : [value];
}

function indexValue(value: Value | undefined, key: Value | undefined): Value | undefined {
  if (value && hasEntries(value)) return value.entries.get(asText(as(key ?? nullOf(), STRING)));
  const sequence = asSequence(value, 0);
  const at = asInteger(as(key ?? nullOf(), NUMBER), 1);
  return at < 0 ? undefined : sequence.items[at];
}

function product(values: readonly Value[]): Value {
  if (values.length < 2) throw new ArgumentError(-1, "at least two arguments are required");
  const sequences = values.map((value, index) => asSequence(value, index));
  const size = sequences.reduce((total, { items }) => total * items.length, 1);
  if (size > LARGEST_PRODUCT) throw new ArgumentError(-1, `${size} combinations are too many`);
  const rows = sequences.reduce<readonly (readonly Value[])[]>(
    (done, { items }) => done.flatMap((row) => items.map((item) => [...row, item])),
    [[]],
  );
  const tuples = rows.map(tuple);
  const type = commonType(tuples.map(typeOf)) ?? ANY;
  return sequences.every(({ kind }) => kind === "set") ? set(type, tuples) : list(type, tuples);
}

function merged(values: readonly Value[]): Value {
  const maps = values.filter((one) => one.kind !== "null");
  const entries = maps.flatMap((one, index) => [...asEntries(one, index)]);
  const isMap = maps.length > 0 && maps.every((one) => one.kind === "map");
  const common = isMap ? commonType(entries.map(([, value]) => typeOf(value))) : undefined;
  return common ? map(common, entries) : object(entries);
}

function zipped(keys: readonly string[], values: SequenceValue): Value {
  if (keys.length !== values.items.length) {
    throw new ArgumentError(-1, `${keys.length} keys do not fit ${values.items.length} values`);
  }
  const entries = keys.map((key, at): [string, Value] => [key, values.items[at] ?? nullOf()]);
  return values.kind === "tuple" ? object(entries) : map(values.element, entries);
}

function looked(values: readonly Value[]): Value {
  const [from, key, other] = values;
  const found = asEntries(from, 0).get(asText(key));
  if (found) return found;
  if (!other) throw new ArgumentError(1, `there is no element ${JSON.stringify(asText(key))}`);
  return from?.kind === "map" ? as(other, from.element) : other;
}

export const COLLECTION_FUNCTIONS: Readonly<Record<string, HclFunction>> = {
  chunklist: hclFunction([listParameter("list"), numberParameter("size")], (values, size) => {
    const { items } = asSequence(values, 0);
    const step = asInteger(size, 1);
    if (step < 0) throw new ArgumentError(1, "the size argument must be positive");
    const type = typeOf(values ?? nullOf());
    if (items.length === 0) return list(type, []);
    const length = step === 0 ? items.length : step;
    const chunks = Array.from({ length: Math.ceil(items.length / length) }, (_, at) =>
      sequenceOf(items.slice(at * length, (at + 1) * length)),
    );
    return list(type, chunks);
  }),
  coalesce: hclFunction(
    [],
    (...values) => {
      const common = commonType(values.map(typeOf));
      if (!common) throw new ArgumentError(-1, "all arguments must have the same type");
      const found = values.find((one) => one.kind !== "null");
      if (found) return as(found, common);
      throw new ArgumentError(-1, "no non-null arguments");
    },
    nullableParameter("vals"),
  ),
  coalescelist: hclFunction(
    [],
    (...values) => {
      const found = values.find((one) => one.kind !== "null" && lengthOf(one) > 0);
      if (found) return found;
      throw new ArgumentError(-1, "no non-null, non-empty lists");
    },
    nullableParameter("vals"),
  ),
  compact: hclFunction([listParameter("list", STRING)], (values) =>
    list(
      STRING,
      asTexts(values, 0)
        .filter((one) => one !== "")
        .map(text),
    ),
  ),
  concat: hclFunction(
    [],
    (...values) => {
      const sequences = values.map((value, index) => asSequence(value, index));
      const items = sequences.flatMap((one) => one.items);
      return sequences.every(({ kind }) => kind === "list") ? sequenceOf(items) : tuple(items);
    },
    anyParameter("seqs"),
  ),
  contains: hclFunction([anyParameter("list"), nullableParameter("value")], (values, value) =>
    bool(has(asSequence(values, 0).items, value ?? nullOf())),
  ),
  distinct: hclFunction([listParameter("list")], (values) => {
    const sequence = asSequence(values, 0);
    return alike(sequence, distinctValues(sequence.items));
  }),
  element: hclFunction([anyParameter("list"), numberParameter("index")], (values, index) => {
    const sequence = asSequence(values, 0);
    return elementAt(sequence, asInteger(index, 1) % Math.max(1, sequence.items.length));
  }),
  flatten: hclFunction([anyParameter("list")], (values) => tuple(flatItems(asSequence(values, 0)))),
  hasindex: hclFunction([anyParameter("collection"), anyParameter("key")], (value, key) => {
    if (value && hasEntries(value))
      return bool(key?.kind === "string" && value.entries.has(key.value));
    const { length } = asSequence(value, 0).items;
    const at = key?.kind === "number" ? asInteger(key, 1) : -1;
    return bool(at >= 0 && at < length);
  }),
  index: hclFunction([anyParameter("collection"), anyParameter("key")], (value, key) => {
    const found = indexValue(value, key);
    if (found) return found;
    throw new ArgumentError(-1, "invalid index");
  }),
  indexof: hclFunction([anyParameter("list"), anyParameter("value")], (values, value) => {
    const { items } = asSequence(values, 0);
    if (items.length === 0) throw new ArgumentError(-1, "cannot search an empty list");
    const at = items.findIndex((one) => isEqual(one, value ?? nullOf()));
    if (at < 0) throw new ArgumentError(-1, "item not found");
    return number(integer(at));
  }),
  keys: hclFunction([anyParameter("inputMap")], (value) => {
    const names = [...asEntries(value, 0).keys()].map(text);
    return value?.kind === "object" ? tuple(names) : list(STRING, names);
  }),
  length: hclFunction([anyParameter("collection")], (value) => number(integer(lengthOf(value)))),
  lookup: hclFunction(
    [anyParameter("inputMap"), textParameter("key")],
    (...values) => looked(values),
    nullableParameter("default"),
  ),
  merge: hclFunction([], (...values) => merged(values), nullableParameter("maps")),
  reverselist: hclFunction([anyParameter("list")], (values) => {
    const sequence = asSequence(values, 0);
    return alike(sequence, sequence.items.toReversed());
  }),
  sethaselement: hclFunction([setParameter("set"), anyParameter("elem")], (values, value) =>
    bool(has(asSequence(values, 0).items, value ?? nullOf())),
  ),
  setintersection: ofSets((left, right) => left.filter((one) => has(right, one))),
  setproduct: hclFunction([], (...values) => product(values), anyParameter("sets")),
  setsubtract: hclFunction([setParameter("a"), setParameter("b")], (left, right) => {
    const [one, other] = setsOf([left ?? nullOf(), right ?? nullOf()]);
    const items = one?.items.filter((item) => !has(other?.items ?? [], item)) ?? [];
    return set(one?.kind === "set" ? one.element : ANY, items);
  }),
  setsymmetricdifference: ofSets((left, right) => [
    ...left.filter((one) => !has(right, one)),
    ...right.filter((one) => !has(left, one)),
  ]),
  setunion: ofSets((left, right) => [...left, ...right]),
  slice: hclFunction(
    [anyParameter("list"), numberParameter("start_index"), numberParameter("end_index")],
    (values, start, end) => {
      const sequence = asSequence(values, 0);
      const [from, to] = [asInteger(start, 1), asInteger(end, 2)];
      if (from < 0 || from > sequence.items.length) {
        throw new ArgumentError(1, "start index must be within the list");
      }
      if (to < from || to > sequence.items.length) {
        throw new ArgumentError(2, "end index must be within the list and not before the start");
      }
      return alike(sequence, sequence.items.slice(from, to));
    },
  ),
  values: hclFunction([anyParameter("mapping")], (value) => {
    const items = [...asEntries(value, 0).values()];
    return value?.kind === "map" ? list(value.element, items) : tuple(items);
  }),
  zipmap: hclFunction([listParameter("keys", STRING), anyParameter("values")], (keys, values) =>
    zipped(asTexts(keys, 0), asSequence(values, 1)),
  ),
};
