import { InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import { nearestWord } from "#base/nearest.ts";
import { isGlobMatch } from "#bake/targets/glob-name.ts";
import { type Entry, parseEntries } from "#bake/definition/entries.ts";
import {
  type FieldName,
  mergeFields,
  TARGET_FIELDS,
  type TargetFields,
} from "#bake/definition/target.ts";

/** One `--set pattern.key=value`. */
export interface Override {
  /** Names of targets that it is for. */
  readonly names: readonly string[];
  /** `args.NAME`, `tags`, … */
  readonly key: string;
  /** Behind the first dot of the key. */
  readonly member: string | undefined;
  readonly value: string | undefined;
  /** `key+=value`: put to what is there. */
  readonly isAdded: boolean;
}

/** Keys of `--set`, which differ from the fields' names in two places, and those that change outputs. */
const FIELD_OF_KEY: Readonly<Record<string, FieldName | "push" | "load">> = {
  context: "context",
  dockerfile: "dockerfile",
  args: "args",
  contexts: "contexts",
  labels: "labels",
  tags: "tags",
  "cache-from": "cache-from",
  "cache-to": "cache-to",
  target: "target",
  call: "call",
  secrets: "secret",
  ssh: "ssh",
  platform: "platforms",
  output: "output",
  entitlements: "entitlements",
  annotations: "annotations",
  attest: "attest",
  "no-cache": "no-cache",
  "no-cache-filter": "no-cache-filter",
  "shm-size": "shm-size",
  ulimits: "ulimits",
  network: "network",
  pull: "pull",
  push: "push",
  load: "load",
  "extra-hosts": "extra-hosts",
};

/** Lists that a value is always put to. */
const ALWAYS_ADDED: ReadonlySet<string> = new Set(["entitlements", "annotations", "attest"]);

/**
 * Reads `--set` values.
 *
 * @param targets Names of all targets.
 * @throws {InvalidArgumentError} In buildx's words, with the nearest key. {NotFoundError} The pattern matches no target.
 */
export function parseOverrides(
  texts: readonly string[],
  targets: readonly string[],
  environment: (name: string) => string | undefined,
): readonly Override[] {
  return texts.flatMap((whole) => {
    const at = whole.indexOf("=");
    const left = at < 0 ? whole : whole.slice(0, at);
    const isAdded = left.endsWith("+");
    const path = isAdded ? left.slice(0, -1) : left;
    const [pattern = "", key, ...rest] = path.split(".");
    if (key === undefined) {
      throw new InvalidArgumentError(`invalid override key ${path}, expected target.name`);
    }
    const member = rest.length > 0 ? rest.join(".") : undefined;
    if (at < 0 && key !== "args") {
      throw new InvalidArgumentError(`invalid override ${whole}, expected target.name=value`);
    }
    const names = targets.includes(pattern)
      ? [pattern]
      : targets.filter((name) => isGlobMatch(pattern, name));
    if (names.length === 0) {
      const near = nearestWord(pattern, targets);
      throw new NotFoundError(
        `could not find any target matching '${pattern}'${near === undefined ? "" : `; did you mean ${near}?`}`,
      );
    }
    checkKey(key, member, left);
    const value = at < 0 ? environment(member ?? "") : whole.slice(at + 1);
    // an argument without a value that the environment does not have stays as it is
    if (value === undefined) return [];
    return [{ names, key, member, value, isAdded }];
  });
}

function checkKey(key: string, member: string | undefined, left: string): void {
  if (FIELD_OF_KEY[key] === undefined) {
    const near = nearestWord(key, Object.keys(FIELD_OF_KEY));
    throw new InvalidArgumentError(
      `unknown key: ${key}${near === undefined ? "" : `; did you mean ${near}?`}`,
    );
  }
  const field = FIELD_OF_KEY[key];
  const kind = field === "push" || field === "load" ? "bool" : field && TARGET_FIELDS[field].kind;
  const isMap = kind === "map" || kind === "nullable-map";
  if (isMap && member === undefined) {
    throw new InvalidArgumentError(`invalid key ${left}, ${key} requires name`);
  }
}

/** A target with the overrides that are for it. */
export function withOverrides(
  name: string,
  fields: TargetFields,
  overrides: readonly Override[],
): TargetFields {
  const own = overrides.filter(({ names }) => names.includes(name));
  const lists = new Map<string, { readonly values: string[]; isAdded: boolean }>();
  let done = fields;
  const late: Override[] = [];
  for (const override of own) {
    const { key, member, value = "", isAdded } = override;
    const field = FIELD_OF_KEY[key];
    if (field === undefined) continue;
    if (field === "push" || field === "load") {
      late.push(override);
      continue;
    }
    switch (TARGET_FIELDS[field].kind) {
      case "text":
        done = { ...done, [field]: value };
        break;
      case "bool":
        done = { ...done, [field]: parseBool(key, value) };
        break;
      case "map":
      case "nullable-map":
        done = {
          ...done,
          [field]: { ...(done[field] as object | undefined), [member ?? ""]: value },
        };
        break;
      default: {
        const list = lists.get(key) ?? { values: [], isAdded: false };
        list.values.push(value);
        list.isAdded = isAdded;
        lists.set(key, list);
      }
    }
  }
  for (const [key, { values, isAdded }] of lists) done = withList(done, key, values, isAdded);
  for (const { key, value = "" } of late) {
    const isOn = parseBool(key, value);
    const output = key === "push" ? withPush(done.output, isOn) : withLoad(done.output, isOn);
    const { output: _, ...rest } = done;
    done = { ...rest, ...(output ? { output } : {}) };
  }
  return done;
}

function withList(
  fields: TargetFields,
  key: string,
  values: readonly string[],
  isAdded: boolean,
): TargetFields {
  const field = FIELD_OF_KEY[key];
  if (field === undefined || field === "push" || field === "load") return fields;
  const { kind } = TARGET_FIELDS[field];
  const isEntries =
    kind === "cache" ||
    kind === "output" ||
    kind === "attest" ||
    kind === "secret" ||
    kind === "ssh";
  const read = isEntries ? parseEntries(kind, values) : values;
  if (!isAdded && !ALWAYS_ADDED.has(key)) return { ...fields, [field]: read };
  if (TARGET_FIELDS[field].isAdded) return mergeFields(fields, { [field]: read });
  const before = fields[field];
  return { ...fields, [field]: [...(Array.isArray(before) ? before : []), ...read] };
}

function parseBool(key: string, value: string): boolean {
  if (/^(?:1|t|T|TRUE|true|True)$/.test(value)) return true;
  if (/^(?:0|f|F|FALSE|false|False)$/.test(value)) return false;
  throw new InvalidArgumentError(`invalid value ${value} for boolean key ${key}`);
}

/** Outputs where `--push` was given: only where nothing but images is made. */
function withPush(outputs: readonly Entry[] = [], isOn: boolean): readonly Entry[] | undefined {
  const pushed = outputs
    .filter(({ type }) => isOn || type !== "registry")
    .map((one) =>
      one["type"] === "image" ? { push: String(isOn), ...without(one, "push") } : one,
    );
  if (isOn && outputs.every(({ type }) => type === "docker")) {
    pushed.push({ push: "true", type: "image" });
  }
  return pushed.length > 0 ? pushed : undefined;
}

function without(entry: Entry, name: string): Entry {
  return Object.fromEntries(Object.entries(entry).filter(([key]) => key !== name));
}

/** Outputs where `--load` was given. */
function withLoad(outputs: readonly Entry[] = [], isOn: boolean): readonly Entry[] | undefined {
  const isThere = outputs.some(({ type, dest }) => type === "docker" && dest === undefined);
  const images = ["docker", "image", "registry", "oci"];
  const isOther = outputs.some(({ type }) => !images.includes(String(type)));
  const all = !isOn || isThere || isOther ? outputs : [...outputs, { type: "docker" }];
  return all.length > 0 ? all : undefined;
}
