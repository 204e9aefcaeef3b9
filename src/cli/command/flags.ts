import { InvalidArgumentError } from "#base/errors.ts";

/**
 * One flag of a command, with pflag's meaning: `parse` is called once an occurrence, with the value
 * so far, and throws an error that holds only the reason (`invalid syntax`); the parser adds which
 * flag and which text.
 */
export interface Flag<Value> {
  /** Type as in docker's reference: `bool`, `string`, `list`, `int64`, `bytes`, `filter`, … */
  readonly type: string;
  /** Text after `--help`'s flag column. */
  readonly help: string;
  /** One letter, without the dash. */
  readonly short?: string;
  /** Value when the flag is not given. */
  readonly initial: Value;
  /** pflag's `DefValue`: what the help prints as the default, unless it is the type's zero. */
  readonly defaultText: string;
  /** Name of the value in the help; else made from the type. */
  readonly valueName?: string;
  /** Takes no separate argument; `--flag` alone means `--flag=true`. */
  readonly isSwitch?: boolean;
  readonly hidden?: boolean;
  /** Other names that mean it: `--labels` for `--label`. */
  readonly spellings?: readonly string[];
  /** What to use instead; printed on stderr when the flag is given. Implies hidden. */
  readonly deprecated?: string;
  /** What shell completion offers for the value. */
  readonly complete?: Completion;
  /** Refused where the engine speaks an older API than this. */
  readonly minApi?: string;
  parse(text: string, before: Value): Value;
}

/** What shell completion offers: fixed words, or names asked of the engine. */
export type Completion =
  | readonly string[]
  | "containers"
  | "running-containers"
  | "stopped-containers"
  | "images"
  | "volumes"
  | "networks"
  | "plugins"
  | "contexts"
  | "files";

export type FlagTable = Readonly<Record<string, Flag<unknown>>>;

export type FlagValues<Flags extends FlagTable> = {
  readonly [Name in keyof Flags]: Flags[Name] extends Flag<infer Value> ? Value : never;
};

/** What every flag may say besides its help and type. */
export interface FlagOptions<Value> {
  readonly short?: string;
  readonly default?: Value;
  readonly valueName?: string;
  readonly hidden?: boolean;
  readonly spellings?: readonly string[];
  readonly deprecated?: string;
  readonly complete?: Completion;
  readonly minApi?: string;
}

const trueWords: readonly string[] = ["1", "t", "T", "true", "TRUE", "True"];
const falseWords: readonly string[] = ["0", "f", "F", "false", "FALSE", "False"];

function shared<Value>(options: FlagOptions<Value>): Omit<FlagOptions<Value>, "default"> {
  const { default: _value, ...rest } = options;
  return rest;
}

/** `--flag`, `--flag=false`. */
export function boolFlag(help: string, options: FlagOptions<boolean> = {}): Flag<boolean> {
  const initial = options.default ?? false;
  return {
    ...shared(options),
    type: "bool",
    help,
    initial,
    defaultText: String(initial),
    isSwitch: true,
    parse(text: string): boolean {
      if (trueWords.includes(text)) return true;
      if (falseWords.includes(text)) return false;
      throw new InvalidArgumentError(`strconv.ParseBool: parsing "${text}": invalid syntax`);
    },
  };
}

/** Text taken as it is; the last occurrence wins. */
export function stringFlag(help: string, options: FlagOptions<string> = {}): Flag<string> {
  const initial = options.default ?? "";
  return {
    ...shared(options),
    type: "string",
    help,
    initial,
    defaultText: initial,
    parse: (text: string): string => text,
  };
}

/** What distinguishes the list types of docker's reference from each other. */
export interface ListFlagOptions extends Omit<FlagOptions<readonly string[]>, "default"> {
  /** `list` is docker's own; `stringArray` and `stringSlice` are pflag's. */
  readonly type?: "list" | "stringArray";
  /** Where docker prints `(default [])`. */
  readonly defaultText?: string;
  /** Checks one element, and may rewrite it; throws with the reason. */
  readonly parseElement?: (text: string) => string;
}

/** Repeatable; every occurrence adds one element, commas included. */
export function listFlag(help: string, options: ListFlagOptions = {}): Flag<readonly string[]> {
  const { parseElement, type, defaultText, ...rest } = options;
  return {
    ...rest,
    type: type ?? "list",
    help,
    initial: [],
    defaultText: defaultText ?? (type === "stringArray" ? "[]" : ""),
    parse(text: string, before: readonly string[]): readonly string[] {
      return [...before, parseElement ? parseElement(text) : text];
    },
  };
}

/** Repeatable, and each occurrence is split at commas as CSV. */
export function stringSliceFlag(
  help: string,
  options: Omit<FlagOptions<readonly string[]>, "default"> = {},
): Flag<readonly string[]> {
  return {
    ...options,
    type: "stringSlice",
    help,
    initial: [],
    defaultText: "[]",
    parse(text: string, before: readonly string[]): readonly string[] {
      return text === "" ? before : [...before, ...splitCsvLine(text)];
    },
  };
}

/** Repeatable `key=value`; a later key replaces an earlier one. A missing `=` means an empty value. */
export function mapFlag(
  help: string,
  options: Omit<FlagOptions<Readonly<Record<string, string>>>, "default"> = {},
): Flag<Readonly<Record<string, string>>> {
  return {
    ...options,
    type: "map",
    help,
    initial: {},
    defaultText: "map[]",
    parse(text, before): Readonly<Record<string, string>> {
      const [key, value] = cutAt(text, "=");
      return { ...before, [key]: value ?? "" };
    },
  };
}

/** Filters in the shape that the API takes: name to values. */
export type FilterValues = Readonly<Record<string, readonly string[]>>;

/** `--filter name=value`, repeatable. */
export function filterFlag(
  help: string,
  options: Omit<FlagOptions<FilterValues>, "default"> = {},
): Flag<FilterValues> {
  return {
    ...options,
    type: "filter",
    help,
    initial: {},
    defaultText: "",
    parse(text, before): FilterValues {
      if (text === "") return before;
      const [rawName, rawValue] = cutAt(text, "=");
      if (rawValue === undefined) {
        throw new InvalidArgumentError("bad format of filter (expected name=value)");
      }
      const name = rawName.trim().toLowerCase();
      const values = before[name] ?? [];
      const value = rawValue.trim();
      return { ...before, [name]: values.includes(value) ? values : [...values, value] };
    },
  };
}

type IntegerType = "int" | "int64" | "uint16" | "uint64" | "uint";

const integerBits: Readonly<Record<IntegerType, number>> = {
  int: 64,
  int64: 64,
  uint16: 16,
  uint64: 64,
  uint: 64,
};

/**
 * A whole number: decimal, or hexadecimal, octal, binary with Go's prefixes. Numbers beyond 2^53
 * are out of range, as the API's JSON could not carry them exactly.
 */
export function intFlag(
  help: string,
  options: FlagOptions<number> & { readonly type?: IntegerType } = {},
): Flag<number> {
  const { type = "int", ...rest } = options;
  const initial = options.default ?? 0;
  return {
    ...shared(rest),
    type,
    help,
    initial,
    defaultText: String(initial),
    parse: (text: string): number => parseInteger(text, type),
  };
}

function parseInteger(text: string, type: IntegerType): number {
  const signed = !type.startsWith("u");
  const call = signed ? "strconv.ParseInt" : "strconv.ParseUint";
  const match = /^([+-]?)(0x[0-9a-f_]+|0b[01_]+|0o?[0-7_]*|[1-9][0-9_]*)$/i.exec(text);
  if (!match || (!signed && match[1] !== "")) {
    throw new InvalidArgumentError(`${call}: parsing "${text}": invalid syntax`);
  }
  const digits = (match[2] ?? "").replaceAll("_", "").replace(/^0(?=[0-7])/, "0o");
  const value = Number(digits) * (match[1] === "-" ? -1 : 1);
  const limit = Math.min(Number.MAX_SAFE_INTEGER, 2 ** integerBits[type] - 1);
  if (Math.abs(value) > limit) {
    throw new InvalidArgumentError(`${call}: parsing "${text}": value out of range`);
  }
  return value === 0 ? 0 : value; // no negative zero
}

/**
 * A flag with a parser of its own: sizes, durations, mounts, ports.
 *
 * @param type Type name of docker's reference.
 * @param defaultText pflag's `DefValue` for it: `""`, `0`, `0s`, `<nil>`, `[]`.
 */
export function customFlag<Value>(
  type: string,
  help: string,
  defaultText: string,
  initial: Value,
  parse: (text: string, before: Value) => Value,
  options: Omit<FlagOptions<Value>, "default"> = {},
): Flag<Value> {
  return { ...options, type, help, initial, defaultText, parse };
}

/** Splits at the first `separator`; the second part is undefined when there is none. */
export function cutAt(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  if (at < 0) return [text, undefined];
  return [text.slice(0, at), text.slice(at + separator.length)];
}

/**
 * One line of CSV as Go's `encoding/csv` reads it.
 *
 * @throws {InvalidArgumentError} When a quote is not closed or stands in an unquoted field.
 */
export function splitCsvLine(line: string): string[] {
  const fields: string[] = [];
  let rest = line;
  for (;;) {
    if (rest.startsWith('"')) {
      const match = /^"((?:[^"]|"")*)"(,|$)/.exec(rest);
      if (!match) throw new InvalidArgumentError(`parse error: extraneous or missing " in field`);
      fields.push((match[1] ?? "").replaceAll('""', '"'));
      if (match[2] === "") return fields;
      rest = rest.slice(match[0].length);
      continue;
    }
    const [field, after] = cutAt(rest, ",");
    if (field.includes('"'))
      throw new InvalidArgumentError('parse error: bare " in non-quoted field');
    fields.push(field);
    if (after === undefined) return fields;
    rest = after;
  }
}
