import { InvalidArgumentError } from "#base/errors.ts";
import { parseBinarySize } from "#base/sizes.ts";
import { type DaemonOption, optionName } from "./options.ts";

export interface RuntimeSetting {
  readonly path: string;
  readonly arguments: readonly string[];
}

export interface PoolSetting {
  readonly base: string;
  readonly size: number;
}

/** By group, then by name. */
export type OptionMaps = Readonly<Record<string, Readonly<Record<string, string>>>>;

export interface UlimitSetting {
  readonly Name: string;
  readonly Soft: number;
  readonly Hard: number;
}

/** A read value, told apart by its option's kind. */
export type OptionValue =
  | { readonly kind: "boolean"; readonly value: boolean }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "integer" | "bytes"; readonly value: number }
  | { readonly kind: "list"; readonly value: readonly string[] }
  | { readonly kind: "map"; readonly value: Readonly<Record<string, string>> }
  | { readonly kind: "maps"; readonly value: OptionMaps }
  | { readonly kind: "pools"; readonly value: readonly PoolSetting[] }
  | { readonly kind: "runtimes"; readonly value: Readonly<Record<string, RuntimeSetting>> }
  | { readonly kind: "ulimits"; readonly value: readonly UlimitSetting[] }
  | { readonly kind: "object"; readonly value: unknown };

function readBoolean(text: string): boolean {
  if (["1", "t", "T", "true", "TRUE", "True"].includes(text)) return true;
  if (["0", "f", "F", "false", "FALSE", "False"].includes(text)) return false;
  throw new InvalidArgumentError(
    `strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`,
  );
}

function readInteger(text: string): number {
  const value = Number(text);
  if (!/^[-+]?[0-9]+$/.test(text) || !Number.isSafeInteger(value)) {
    throw new InvalidArgumentError(
      `strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`,
    );
  }
  return value;
}

function splitPair(text: string): readonly [name: string, value: string] {
  const at = text.indexOf("=");
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

function readPool(text: string): PoolSetting {
  const fields = new Map(text.split(",").map(splitPair));
  const base = fields.get("base");
  const size = fields.get("size");
  const isKnown = [...fields.keys()].every((name) => name === "base" || name === "size");
  if (base === undefined || size === undefined || !isKnown) {
    throw new InvalidArgumentError(
      `invalid address pool ${JSON.stringify(text)}: want base=CIDR,size=BITS`,
    );
  }
  return { base, size: readInteger(size) };
}

function readRuntime(text: string): Readonly<Record<string, RuntimeSetting>> {
  const [name, path] = splitPair(text);
  if (name === "" || path === "") {
    throw new InvalidArgumentError(`invalid runtime ${JSON.stringify(text)}: want NAME=PATH`);
  }
  return { [name]: { path, arguments: [] } };
}

/** @throws {InvalidArgumentError} Not `group=name=value`. */
function withPair(before: OptionMaps, text: string): OptionMaps {
  const [group, pair] = splitPair(text);
  const [name, value] = splitPair(pair);
  if (group === "" || name === "" || !pair.includes("=")) {
    throw new InvalidArgumentError(
      `invalid value ${JSON.stringify(text)}: want DRIVER=OPTION=VALUE`,
    );
  }
  return { ...before, [group]: { ...before[group], [name]: value } };
}

/** @throws {InvalidArgumentError} Not `name=soft[:hard]`, or soft over hard. */
export function readUlimit(text: string): UlimitSetting {
  const match = /^([a-z]+)=(-1|[0-9]+)(?::(-1|[0-9]+))?$/.exec(text);
  const [, name = "", soft = "", hard = soft] = match ?? [];
  if (!match) {
    throw new InvalidArgumentError(`invalid ulimit argument: ${text}: want NAME=SOFT[:HARD]`);
  }
  const limit = { Name: name, Soft: Number(soft), Hard: Number(hard) };
  if (limit.Hard !== -1 && (limit.Soft > limit.Hard || limit.Soft === -1)) {
    throw new InvalidArgumentError(
      `ulimit soft limit must be less than or equal to hard limit: ${soft} > ${hard}`,
    );
  }
  return limit;
}

/**
 * Reads a flag's text; a repeated flag adds to what came `before` where its kind is a collection.
 *
 * @throws {InvalidArgumentError} In the words of dockerd's flag parser.
 */
export function valueFromText(
  option: DaemonOption,
  text: string,
  before: OptionValue | undefined,
): OptionValue {
  switch (option.kind) {
    case "boolean":
      return { kind: "boolean", value: readBoolean(text) };
    case "string":
      return { kind: "string", value: text };
    case "integer":
      return { kind: "integer", value: readInteger(text) };
    case "bytes":
      return { kind: "bytes", value: parseBinarySize(text) };
    case "list":
      return { kind: "list", value: [...(before?.kind === "list" ? before.value : []), text] };
    case "map": {
      const [name, value] = splitPair(text);
      const old = before?.kind === "map" ? before.value : {};
      return { kind: "map", value: { ...old, [name]: value } };
    }
    case "maps":
      return { kind: "maps", value: withPair(before?.kind === "maps" ? before.value : {}, text) };
    case "pools":
      return {
        kind: "pools",
        value: [...(before?.kind === "pools" ? before.value : []), readPool(text)],
      };
    case "runtimes": {
      const old = before?.kind === "runtimes" ? before.value : {};
      return { kind: "runtimes", value: { ...old, ...readRuntime(text) } };
    }
    case "ulimits":
      return {
        kind: "ulimits",
        value: [...(before?.kind === "ulimits" ? before.value : []), readUlimit(text)],
      };
    case "object":
      return { kind: "object", value: text };
  }
}

const GO_TYPES: Readonly<Record<OptionValue["kind"], string>> = {
  boolean: "bool",
  string: "string",
  integer: "int",
  bytes: "int64",
  list: "[]string",
  map: "map[string]string",
  maps: "map[string]map[string]string",
  pools: "[]ipamutils.NetworkToSplit",
  runtimes: "map[string]system.Runtime",
  ulimits: "map[string]container.Ulimit",
  object: "struct",
};

function jsonKind(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return typeof value === "boolean" ? "bool" : typeof value;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function isOptionMaps(value: unknown): value is OptionMaps {
  return isRecord(value) && Object.values(value).every(isStringMap);
}

function isStringMap(value: unknown): value is Readonly<Record<string, string>> {
  return isRecord(value) && Object.values(value).every((item) => typeof item === "string");
}

/**
 * Reads a key's JSON value.
 *
 * @throws {InvalidArgumentError} Wrong type, in the words of Go's decoder.
 */
export function valueFromJson(option: DaemonOption, json: unknown): OptionValue {
  const value = tryFromJson(option, json);
  if (value) return value;
  throw new InvalidArgumentError(
    `invalid JSON: json: cannot unmarshal ${jsonKind(json)} into Go struct field ` +
      `Config.${optionName(option)} of type ${GO_TYPES[option.kind]}`,
  );
}

function tryFromJson(option: DaemonOption, json: unknown): OptionValue | undefined {
  switch (option.kind) {
    case "boolean":
      return typeof json === "boolean" ? { kind: "boolean", value: json } : undefined;
    case "string":
      return typeof json === "string" ? { kind: "string", value: json } : undefined;
    case "integer":
      return Number.isInteger(json) ? { kind: "integer", value: Number(json) } : undefined;
    case "bytes":
      if (typeof json === "string") return { kind: "bytes", value: parseBinarySize(json) };
      return Number.isInteger(json) ? { kind: "bytes", value: Number(json) } : undefined;
    case "list":
      return isStrings(json) ? { kind: "list", value: json } : undefined;
    case "map":
      return isStringMap(json) ? { kind: "map", value: json } : undefined;
    case "maps":
      return isOptionMaps(json) ? { kind: "maps", value: json } : undefined;
    case "pools":
      return poolsFromJson(json);
    case "runtimes":
      return runtimesFromJson(json);
    case "ulimits":
      return ulimitsFromJson(json);
    case "object":
      return { kind: "object", value: json };
  }
}

function poolsFromJson(json: unknown): OptionValue | undefined {
  if (!Array.isArray(json)) return undefined;
  const pools: PoolSetting[] = [];
  for (const item of json as readonly unknown[]) {
    if (!isRecord(item)) return undefined;
    const { base, size } = item;
    if (typeof base !== "string" || typeof size !== "number") return undefined;
    pools.push({ base, size });
  }
  return { kind: "pools", value: pools };
}

function runtimesFromJson(json: unknown): OptionValue | undefined {
  if (!isRecord(json)) return undefined;
  const runtimes: Record<string, RuntimeSetting> = {};
  for (const [name, item] of Object.entries(json)) {
    if (!isRecord(item)) return undefined;
    const { path, runtimeArgs = [] } = item;
    if (typeof path !== "string" || !isStrings(runtimeArgs)) return undefined;
    runtimes[name] = { path, arguments: runtimeArgs };
  }
  return { kind: "runtimes", value: runtimes };
}

function ulimitsFromJson(json: unknown): OptionValue | undefined {
  if (!isRecord(json)) return undefined;
  const ulimits: UlimitSetting[] = [];
  for (const [name, item] of Object.entries(json)) {
    if (!isRecord(item)) return undefined;
    const { Soft, Hard } = item;
    if (typeof Soft !== "number" || typeof Hard !== "number") return undefined;
    ulimits.push({ Name: name, Soft, Hard });
  }
  return { kind: "ulimits", value: ulimits };
}

/** As Go prints it in a message about a conflict: `[a b]`, `map[a:1]`. */
export function formatValue(value: OptionValue): string {
  switch (value.kind) {
    case "list":
      return `[${value.value.join(" ")}]`;
    case "map":
      return `map[${Object.entries(value.value)
        .map(([name, text]) => `${name}:${text}`)
        .join(" ")}]`;
    case "boolean":
    case "string":
    case "integer":
    case "bytes":
      return String(value.value);
    case "maps":
    case "pools":
    case "runtimes":
    case "ulimits":
    case "object":
      return JSON.stringify(value.value);
  }
}
