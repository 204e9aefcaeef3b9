import { parseBinarySize } from "#base/sizes.ts";
import { formatGoDuration, parseGoDuration } from "#base/durations.ts";
import { messageOf } from "#base/errors.ts";
import { composeError, type Positions } from "#compose/file/positions.ts";
import {
  isList,
  isMapping,
  type Mapping,
  type Scalar,
  scalarText,
  type Tree,
  type TreePath,
} from "#compose/file/tree.ts";

/** What a value is written as: numbers, strings and the like, with the keys of mappings in order. */
export type Written = Scalar | readonly Written[] | ReadonlyMap<string, Written>;

export type Style = "json" | "yaml";

/** Where a value stood, for what is said of it. */
export interface Place {
  readonly path: TreePath;
  readonly fail: (path: TreePath, what: string) => never;
}

/**
 * How a field of the model is read from a file's tree and written as docker compose writes it. The written
 * form must be its to the letter: the hash that says whether a container is out of date is made of it.
 */
export interface Kind<T> {
  /** @throws {InvalidArgumentError} The tree says no such thing. */
  read(tree: Tree, place: Place): T;
  /** @returns Undefined where it is left out. */
  write(value: T | undefined, style: Style): Written | undefined;
}

export type TypeOf<K> = K extends Kind<infer T> ? T : never;

export function placeIn(tree: Tree, positions: Positions): Place {
  return {
    path: [],
    fail: (path, what) => {
      throw composeError({ position: positions.find(tree, path), path, what });
    },
  };
}

function within(place: Place, key: string | number): Place {
  return { ...place, path: [...place.path, key] };
}

function scalar(tree: Tree, place: Place): Scalar {
  if (isMapping(tree) || isList(tree)) return place.fail(place.path, "must be a single value");
  return tree;
}

/** Left out where it is empty. */
export const text: Kind<string> = {
  read: (tree, place) => scalarText(scalar(tree, place)),
  write: (value) => (value === undefined || value === "" ? undefined : value),
};

function readBoolean(tree: Tree, place: Place): boolean {
  const value = scalar(tree, place);
  if (typeof value === "boolean") return value;
  const word = scalarText(value).toLowerCase();
  if (["y", "yes", "true", "on", "1"].includes(word)) return true;
  if (["n", "no", "false", "off", "0"].includes(word)) return false;
  return place.fail(place.path, `must be true or false, not ${JSON.stringify(value)}`);
}

/** Left out where it is false. */
export const flag: Kind<boolean> = {
  read: readBoolean,
  write: (value) => (value === true ? true : undefined),
};

/** False is written, too. */
export const choice: Kind<boolean> = { read: readBoolean, write: (value) => value };

/** True unless it is said to be false; written only then. */
export const optOut: Kind<boolean> = {
  read: readBoolean,
  write: (value, style) => (value === true && style === "json" ? undefined : value),
};

function readNumber(tree: Tree, place: Place): number {
  const value = scalar(tree, place);
  const number = typeof value === "number" ? value : Number(scalarText(value).trim() || "x");
  if (Number.isNaN(number)) {
    return place.fail(place.path, `must be a number, not ${JSON.stringify(value)}`);
  }
  return number;
}

function readInteger(tree: Tree, place: Place): number {
  const number = readNumber(tree, place);
  if (Number.isSafeInteger(number)) return number;
  return place.fail(place.path, `must be a whole number, not ${number}`);
}

/** Left out where it is 0. */
export const integer: Kind<number> = {
  read: readInteger,
  write: (value) => (value === 0 ? undefined : value),
};

/** 0 is written, too. */
export const count: Kind<number> = { read: readInteger, write: (value) => value };

/** Go's float32: as few digits as tell it from the next one. */
export const decimal: Kind<number> = {
  read: readNumber,
  write: (value) => {
    if (value === undefined || value === 0) return undefined;
    for (let digits = 1; digits < 9; digits++) {
      const short = Number(value.toPrecision(digits));
      if (Math.fround(short) === Math.fround(value)) return short;
    }
    return value;
  },
};

/** A size such as `1.5g`; in bytes. Written as a string of digits. */
export const bytes: Kind<number> = {
  read: (tree, place) => {
    const value = scalar(tree, place);
    if (typeof value === "number") return value;
    const size = scalarText(value);
    if (/^-?[0-9]+$/.test(size)) return Number(size);
    try {
      return parseBinarySize(size);
    } catch (error) {
      return place.fail(place.path, messageOf(error));
    }
  },
  write: (value) => (value === undefined || value === 0 ? undefined : String(value)),
};

const LONG_UNITS: Readonly<Record<string, number>> = { d: 24, w: 24 * 7 };

/** A duration such as `1m30s`, `2d`; in nanoseconds. */
export const duration: Kind<number> = {
  read: (tree, place) => {
    const value = scalarText(scalar(tree, place));
    try {
      return parseGoDuration(
        value.replaceAll(/([0-9.]+)([dw])/g, (_, amount: string, unit: string) => {
          return `${Number(amount) * (LONG_UNITS[unit] ?? 1)}h`;
        }),
      );
    } catch (error) {
      return place.fail(place.path, messageOf(error));
    }
  },
  write: (value) => (value === undefined ? undefined : formatGoDuration(value)),
};

/** File permissions: `0440`, or the string of it. */
export const fileMode: Kind<number> = {
  read: (tree, place) => {
    const value = scalar(tree, place);
    if (typeof value === "number") return value;
    const octal = scalarText(value);
    if (/^[0-7]+$/.test(octal)) return Number.parseInt(octal, 8);
    return place.fail(place.path, `must be an octal number, not ${JSON.stringify(octal)}`);
  },
  write: (value) => (value === undefined ? undefined : `0${value.toString(8)}`),
};

/** `all` is -1. */
export const deviceCount: Kind<number> = {
  read: (tree, place) => (tree === "all" ? -1 : readInteger(tree, place)),
  write: (value) => (value === 0 ? undefined : value),
};

function elements(tree: Tree, place: Place): readonly Tree[] {
  if (tree === null) return [];
  if (isList(tree)) return tree;
  return place.fail(place.path, "must be a list");
}

/** Left out where it is empty. */
export function list<T>(kind: Kind<T>): Kind<readonly T[]> {
  return {
    read: (tree, place) =>
      elements(tree, place).map((each, index) => kind.read(each, within(place, index))),
    write: (value, style) =>
      value === undefined || value.length === 0
        ? undefined
        : value.map((each) => kind.write(each, style) ?? ""),
  };
}

/** Words; no list at all, null, is not the same as an empty one: that clears the image's. */
export const command: Kind<readonly string[] | null> = {
  read: (tree, place) => (tree === null ? null : texts.read(tree, place)),
  write: (value, style) => {
    if (value === undefined || value === null) return style === "json" ? null : undefined;
    return [...value];
  },
};

export const texts: Kind<readonly string[]> = list(text);

function entriesOf(tree: Tree, place: Place): Mapping {
  if (tree === null) return new Map();
  if (isMapping(tree)) return tree;
  return place.fail(place.path, "must be a mapping");
}

function sorted<T>(map: ReadonlyMap<string, T>): readonly (readonly [string, T])[] {
  return [...map].toSorted(([left], [right]) =>
    Buffer.compare(Buffer.from(left), Buffer.from(right)),
  );
}

/** Names to values; written in the order of the names, left out where it is empty. */
export function mapOf<T>(kind: Kind<T>): Kind<ReadonlyMap<string, T>> {
  return {
    read: (tree, place) =>
      new Map(
        [...entriesOf(tree, place)].map(([key, value]) => [
          key,
          kind.read(value, within(place, key)),
        ]),
      ),
    write: (value, style) =>
      value === undefined || value.size === 0
        ? undefined
        : new Map(sorted(value).map(([key, each]) => [key, kind.write(each, style) ?? null])),
  };
}

/** A value that may be null: what is named with nothing further said. */
export function maybe<T>(kind: Kind<T>): Kind<T | null> {
  return {
    read: (tree, place) => (tree === null ? null : kind.read(tree, place)),
    write: (value, style) => (value === null ? null : kind.write(value, style)),
  };
}

/** `{A: 1}` or `[A=1]`; with no value, the empty string. */
export const mapping: Kind<ReadonlyMap<string, string>> = {
  read: (tree, place) => new Map([...pairs(tree, place)].map(([key, value]) => [key, value ?? ""])),
  write: (value) => (value === undefined || value.size === 0 ? undefined : new Map(sorted(value))),
};

/** `{A: 1, B: }` or `[A=1, B]`; with no value, null. */
export const mappingWithNulls: Kind<ReadonlyMap<string, string | null>> = {
  read: pairs,
  write: (value) => (value === undefined || value.size === 0 ? undefined : new Map(sorted(value))),
};

function pairs(tree: Tree, place: Place): ReadonlyMap<string, string | null> {
  const read = (value: Tree, at: Place): string | null =>
    value === null ? null : scalarText(scalar(value, at));
  if (!isList(tree)) {
    return new Map(
      [...entriesOf(tree, place)].map(([key, value]) => [key, read(value, within(place, key))]),
    );
  }
  return new Map(
    tree.map((each, index) => {
      const pair = text.read(each, within(place, index));
      const equals = pair.indexOf("=");
      return equals === -1 ? [pair, null] : [pair.slice(0, equals), pair.slice(equals + 1)];
    }),
  );
}

/** Host names to addresses: `{a: 1.2.3.4}`, `[a=1.2.3.4, b:::1]`; written as a sorted list. */
export const hosts: Kind<ReadonlyMap<string, readonly string[]>> = {
  read: (tree, place) => {
    const found = new Map<string, string[]>();
    const add = (name: string, address: string, at: Place): void => {
      if (name === "" || address === "") at.fail(at.path, "want HOST=ADDRESS");
      const bare = address.replace(/^\[(.*)\]$/, "$1");
      found.set(name, [...(found.get(name) ?? []), bare]);
    };
    if (isList(tree)) {
      for (const [index, each] of tree.entries()) {
        const at = within(place, index);
        const pair = text.read(each, at);
        const cut = pair.search(pair.includes("=") ? /=/ : /:/);
        if (cut === -1) at.fail(at.path, `want HOST=ADDRESS, not ${JSON.stringify(pair)}`);
        add(pair.slice(0, cut).trim(), pair.slice(cut + 1).trim(), at);
      }
      return found;
    }
    for (const [name, value] of entriesOf(tree, place)) {
      const at = within(place, name);
      for (const address of isList(value) ? texts.read(value, at) : [text.read(value, at)]) {
        add(name, address, at);
      }
    }
    return found;
  },
  write: (value) => {
    if (value === undefined || value.size === 0) return undefined;
    return [...value].flatMap(([name, all]) => all.map((each) => `${name}=${each}`)).toSorted();
  },
};

type Fields = Readonly<Record<string, Kind<unknown>>>;

export type Struct<F extends Fields> = { readonly [K in keyof F]?: TypeOf<F[K]> };

interface StructOptions {
  /** Keys as JSON has them, where Go's field has no tag: `path` is `Path`. */
  readonly json?: Readonly<Record<string, string>>;
  /** Written in JSON where it is empty, too: a Go struct that is no pointer. */
  readonly isAlways?: boolean;
}

/** Known keys in the order in which they are written. Keys that are null are as if they were not there. */
export function struct<F extends Fields>(fields: F, options: StructOptions = {}): Kind<Struct<F>> {
  return {
    read: (tree, place) => {
      const entries = entriesOf(tree, place);
      const value: Record<string, unknown> = {};
      for (const [key, kind] of Object.entries(fields)) {
        const inner = entries.get(key);
        if (inner === undefined || (inner === null && kind !== command)) continue;
        value[key] = kind.read(inner, within(place, key));
      }
      return value as Struct<F>; // each key was read by its own kind
    },
    write: (value, style) => {
      if (value === undefined && !(options.isAlways && style === "json")) return undefined;
      const written = new Map<string, Written>();
      for (const [key, kind] of Object.entries(fields)) {
        const inner = kind.write(value?.[key], style);
        if (inner === undefined) continue;
        written.set((style === "json" && options.json?.[key]) || key, inner);
      }
      if (written.size === 0 && options.isAlways && style === "yaml") return undefined;
      return written;
    },
  };
}
