import { InvalidArgumentError } from "./errors.ts";

/** Go's integer types that wire formats use, and the ranges that the decoder holds values to. */
export type GoInteger = "int" | "int64" | "uint64" | "uint32" | "uint16" | "time.Duration";

const RANGES: Readonly<Record<GoInteger, readonly [number, number]>> = {
  int: [-(2 ** 63), 2 ** 63],
  int64: [-(2 ** 63), 2 ** 63],
  "time.Duration": [-(2 ** 63), 2 ** 63],
  uint64: [0, 2 ** 64],
  uint32: [0, 2 ** 32 - 1],
  uint16: [0, 65535],
};

export interface ReaderOptions {
  /** Put before every message: `invalid JSON: `. */
  readonly prefix?: string;
  /** Name of the outermost type for messages: `container.CreateRequest`. */
  readonly goType?: string;
  /** Elements of one array or object; a body with more is refused. */
  readonly maxItems?: number;
}

interface Context {
  readonly prefix: string;
  readonly maxItems: number;
}

const DEFAULT_MAX_ITEMS = 100_000;

function jsonKind(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "boolean") return "bool";
  return typeof value;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Reads a JSON value the way Go decodes into a struct: unknown keys are skipped, `null` and a
 * missing key are the same (`undefined` here), keys match whatever their case, and a wrong type is
 * refused with the decoder's own words and the path of the key.
 */
export class JsonReader {
  readonly #context: Context;
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #path: string;
  #folded: ReadonlyMap<string, unknown> | undefined;

  private constructor(context: Context, fields: Readonly<Record<string, unknown>>, path: string) {
    this.#context = context;
    this.#fields = fields;
    this.#path = path;
  }

  /**
   * @param value What `parseJson` returned; `null` reads as an empty object.
   * @throws {InvalidArgumentError} When `value` is no object.
   */
  static of(value: unknown, options: ReaderOptions = {}): JsonReader {
    const prefix = options.prefix ?? "";
    const context: Context = { prefix, maxItems: options.maxItems ?? DEFAULT_MAX_ITEMS };
    const goType = options.goType ?? "struct";
    const fields = value === null || value === undefined ? {} : value;
    if (!isRecord(fields)) {
      throw new InvalidArgumentError(
        `${prefix}json: cannot unmarshal ${jsonKind(value)} into Go value of type ${goType}`,
      );
    }
    return new JsonReader(context, fields, "");
  }

  /** Where in the document this object is, as a message names it: `.HostConfig.Mounts.0`. */
  get path(): string {
    return this.#path;
  }

  get isEmpty(): boolean {
    return Object.keys(this.#fields).length === 0;
  }

  has(key: string): boolean {
    return this.raw(key) !== undefined;
  }

  /** The value as it came, unchecked; `undefined` when missing or `null`. */
  raw(key: string): unknown {
    const exact = Object.hasOwn(this.#fields, key) ? this.#fields[key] : undefined;
    if (exact !== undefined) return exact ?? undefined;
    this.#folded ??= new Map(
      Object.entries(this.#fields).map(([name, value]) => [name.toLowerCase(), value]),
    );
    return this.#folded.get(key.toLowerCase()) ?? undefined;
  }

  string(key: string, goType = "string"): string | undefined {
    const value = this.raw(key);
    if (value !== undefined && typeof value !== "string") throw this.#mismatch(value, key, goType);
    return value;
  }

  boolean(key: string): boolean | undefined {
    const value = this.raw(key);
    if (value !== undefined && typeof value !== "boolean") throw this.#mismatch(value, key, "bool");
    return value;
  }

  /** Values over 2^53 lose their last digits, which no limit of Docker's depends on. */
  integer(key: string, goType: GoInteger = "int64"): number | undefined {
    const value = this.raw(key);
    if (value === undefined) return undefined;
    if (typeof value !== "number") throw this.#mismatch(value, key, goType);
    const [min, max] = RANGES[goType];
    if (!Number.isInteger(value) || value < min || value > max) {
      throw this.#failure(`number ${value}`, key, goType);
    }
    return value;
  }

  number(key: string): number | undefined {
    const value = this.raw(key);
    if (value !== undefined && typeof value !== "number") {
      throw this.#mismatch(value, key, "float64");
    }
    return value;
  }

  /** A `null` element is an empty string, as in Go. */
  strings(key: string, goType = "[]string"): readonly string[] | undefined {
    return this.array(key, goType)?.map((element, index) => {
      if (element === null) return "";
      if (typeof element !== "string") {
        throw new InvalidArgumentError(
          `${this.#context.prefix}json: cannot unmarshal ${jsonKind(element)} into ` +
            `Go struct field ${this.#at(key)}.${index} of type string`,
        );
      }
      return element;
    });
  }

  /** `Cmd` and `Entrypoint` accept one string for a list of one. */
  stringOrStrings(key: string): readonly string[] | undefined {
    const value = this.raw(key);
    return typeof value === "string" ? [value] : this.strings(key);
  }

  array(key: string, goType: string): readonly unknown[] | undefined {
    const value = this.raw(key);
    if (value === undefined) return undefined;
    if (!Array.isArray(value)) throw this.#mismatch(value, key, goType);
    this.#checkCount(value.length, key);
    return value;
  }

  stringMap(
    key: string,
    goType = "map[string]string",
  ): Readonly<Record<string, string>> | undefined {
    const entries = this.entries(key, goType)?.map(([name, value]): readonly [string, string] => {
      if (value !== null && typeof value !== "string") {
        throw this.#mismatch(value, `${key}.${name}`, "string");
      }
      return [name, value ?? ""];
    });
    return entries && Object.fromEntries(entries);
  }

  /** Pairs of an object whose keys are data. */
  entries(key: string, goType: string): readonly (readonly [string, unknown])[] | undefined {
    const value = this.raw(key);
    if (value === undefined) return undefined;
    if (!isRecord(value)) throw this.#mismatch(value, key, goType);
    const entries = Object.entries(value);
    this.#checkCount(entries.length, key);
    return entries;
  }

  object(key: string, goType = "struct"): JsonReader | undefined {
    const value = this.raw(key);
    return value === undefined ? undefined : this.#child(value, key, goType);
  }

  /** A `null` element reads as an empty object. */
  objects(key: string, goType = "[]struct"): readonly JsonReader[] | undefined {
    return this.array(key, goType)?.map((element, index) =>
      this.#child(element ?? {}, `${key}.${index}`, goType.replace("[]", "")),
    );
  }

  /** An object whose keys are data and whose values are objects; `null` values read as empty. */
  objectMap(
    key: string,
    goType = "map[string]struct",
  ): readonly (readonly [string, JsonReader])[] | undefined {
    return this.entries(key, goType)?.map(([name, value]): readonly [string, JsonReader] => [
      name,
      this.#child(value ?? {}, `${key}.${name}`, "struct"),
    ]);
  }

  /** Makes readers for objects nested in unusual shapes: a map of lists of objects. */
  child(value: unknown, key: string, goType = "struct"): JsonReader {
    return this.#child(value, key, goType);
  }

  /** The error for a value whose type is wrong, for shapes that this class does not know. */
  mismatch(value: unknown, key: string, goType: string): InvalidArgumentError {
    return this.#mismatch(value, key, goType);
  }

  #child(value: unknown, key: string, goType: string): JsonReader {
    if (!isRecord(value)) throw this.#mismatch(value, key, goType);
    this.#checkCount(Object.keys(value).length, key);
    return new JsonReader(this.#context, value, this.#at(key));
  }

  #checkCount(count: number, key: string): void {
    const { prefix, maxItems } = this.#context;
    if (count > maxItems) {
      throw new InvalidArgumentError(
        `${prefix}${this.#at(key)} has ${count} entries, the limit is ${maxItems}`,
      );
    }
  }

  #at(key: string): string {
    return `${this.#path}.${key}`;
  }

  #mismatch(value: unknown, key: string, goType: string): InvalidArgumentError {
    return this.#failure(jsonKind(value), key, goType);
  }

  #failure(found: string, key: string, goType: string): InvalidArgumentError {
    const path = this.#at(key).slice(0, 300);
    return new InvalidArgumentError(
      `${this.#context.prefix}json: cannot unmarshal ${found} into ` +
        `Go struct field ${path} of type ${goType}`,
    );
  }
}
