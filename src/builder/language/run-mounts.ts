import { parseBinarySize } from "#base/sizes.ts";
import { nearestWord } from "#base/nearest.ts";
import { cleanPath } from "#base/posix-path.ts";

/** Why a mount cannot be read; the caller says where it stands. */
export class MountSyntaxError extends Error {}

interface Owned {
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** What `RUN --mount` asks for. */
export type RunMount =
  | {
      readonly type: "bind";
      /** As given: relative to the working folder. */
      readonly target: string;
      /** Path in `from`. */
      readonly source: string;
      /** Stage, named context or image; the build context when absent. */
      readonly from?: string;
      /** Writes are for this step only. */
      readonly isReadOnly: boolean;
    }
  | ({
      readonly type: "cache";
      readonly target: string;
      /** The cleaned target when absent. */
      readonly id?: string;
      readonly source: string;
      /** What a new cache begins with; empty when absent. */
      readonly from?: string;
      readonly isReadOnly: boolean;
      readonly sharing: "shared" | "private" | "locked";
    } & Owned)
  | { readonly type: "tmpfs"; readonly target: string; readonly sizeBytes?: number }
  | ({
      readonly type: "secret";
      readonly id: string;
      /** Undefined: only as a variable. */
      readonly target?: string;
      readonly variable?: string;
      readonly isRequired: boolean;
    } & Owned)
  | ({
      readonly type: "ssh";
      readonly id: string;
      readonly target?: string;
      readonly isRequired: boolean;
    } & Owned);

const TYPES = ["bind", "cache", "tmpfs", "secret", "ssh"] as const;
const KEYS: Readonly<Record<(typeof TYPES)[number], readonly string[]>> = {
  bind: ["target", "source", "from", "readonly", "readwrite"],
  cache: [
    "id",
    "target",
    "source",
    "from",
    "readonly",
    "readwrite",
    "sharing",
    "mode",
    "uid",
    "gid",
  ],
  tmpfs: ["target", "size"],
  secret: ["id", "target", "source", "env", "required", "mode", "uid", "gid"],
  ssh: ["id", "target", "required", "mode", "uid", "gid"],
};
const ALIASES: Readonly<Record<string, string>> = {
  src: "source",
  dst: "target",
  destination: "target",
  ro: "readonly",
  rw: "readwrite",
};
const BOOLEANS: ReadonlySet<string> = new Set(["readonly", "readwrite", "required"]);

/**
 * Reads one `--mount`.
 *
 * @param expand Replaces variables; without it a value that has one is taken as any other, so that a file can be
 *   checked before its variables are known.
 * @throws {MountSyntaxError} With BuildKit's words.
 */
export function parseRunMount(text: string, expand?: (word: string) => string): RunMount {
  const fields = readFields(text, expand);
  const type = fields.get("type") ?? "bind";
  const known = TYPES.find((one) => one === type);
  if (known === undefined) {
    const near = nearestWord(type, TYPES);
    const hint = near === undefined ? "" : ` (did you mean ${near}?)`;
    throw new MountSyntaxError(`unsupported mount type ${JSON.stringify(type)}${hint}`);
  }
  for (const key of fields.keys()) {
    if (key === "type" || KEYS[known].includes(key)) continue;
    if (Object.values(KEYS).some((keys) => keys.includes(key))) {
      throw new MountSyntaxError(`unexpected key '${key}' for mount type '${known}'`);
    }
    const near = nearestWord(key, KEYS[known]);
    const hint = near === undefined ? "" : ` (did you mean ${near}?)`;
    throw new MountSyntaxError(`unexpected key '${key}' in '${text}'${hint}`);
  }
  const reader = new FieldReader(fields, expand === undefined);
  return makeMount(known, reader);
}

function makeMount(type: (typeof TYPES)[number], reader: FieldReader): RunMount {
  const from = reader.text("from");
  const source = reader.text("source") ?? "";
  const origin = { source, ...(from === undefined ? {} : { from }) };
  switch (type) {
    case "bind":
      return { type, target: reader.target(type), ...origin, isReadOnly: reader.isReadOnly(true) };
    case "cache": {
      const id = reader.text("id");
      return {
        type,
        target: reader.target(type),
        ...origin,
        ...(id ? { id } : {}),
        isReadOnly: reader.isReadOnly(false),
        sharing: reader.sharing(),
        ...reader.owner(0o755),
      };
    }
    case "tmpfs": {
      const sizeBytes = reader.size();
      return {
        type,
        target: reader.target(type),
        ...(sizeBytes === undefined ? {} : { sizeBytes }),
      };
    }
    case "secret":
      return makeSecret(reader);
    case "ssh": {
      const target = reader.text("target");
      return {
        type,
        id: reader.text("id") || "default",
        ...(target ? { target } : {}),
        isRequired: reader.isTrue("required"),
        ...reader.owner(0o600),
      };
    }
  }
}

function makeSecret(reader: FieldReader): RunMount {
  const given = reader.text("target");
  const variable = reader.text("env");
  const named = reader.text("id") || reader.text("source");
  if (reader.text("id") && reader.text("source")) {
    throw new MountSyntaxError("both id and source set for a secret mount, which mean the same");
  }
  const id = named || baseName(given ?? "");
  if (id === "") {
    throw new MountSyntaxError("secret mount must set at least one of id, source or target");
  }
  const target = given || (variable ? undefined : `/run/secrets/${baseName(id)}`);
  return {
    type: "secret",
    id,
    ...(target === undefined ? {} : { target }),
    ...(variable ? { variable } : {}),
    isRequired: reader.isTrue("required"),
    ...reader.owner(0o400),
  };
}

function baseName(path: string): string {
  return path === "" ? "" : (cleanPath(path).split("/").at(-1) ?? "");
}

function readFields(
  text: string,
  expand: ((word: string) => string) | undefined,
): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const field of splitCsv(text)) {
    const equals = field.indexOf("=");
    const written = (equals < 0 ? field : field.slice(0, equals)).toLowerCase();
    const key = ALIASES[written] ?? written;
    if (equals < 0) {
      if (!BOOLEANS.has(key)) {
        throw new MountSyntaxError(`invalid field '${field}' must be a key=value pair`);
      }
      fields.set(key, "true");
      continue;
    }
    const raw = field.slice(equals + 1);
    if (key === "from" && raw.includes("$")) {
      throw new MountSyntaxError(
        "'from' doesn't support variable expansion, define alias stage instead",
      );
    }
    fields.set(key, key === "from" || !expand ? raw : expand(raw));
  }
  return fields;
}

/** Fields between commas; one in double quotes may hold commas, and quotes twice. */
function splitCsv(text: string): readonly string[] {
  const fields: string[] = [];
  for (let at = 0; at <= text.length; ) {
    if (text[at] === '"') {
      const match = /^"((?:[^"]|"")*)"(?:,|$)/.exec(text.slice(at));
      if (!match) throw new MountSyntaxError(`failed to parse csv mounts: bare quote in ${text}`);
      fields.push((match[1] ?? "").replaceAll('""', '"'));
      at += match[0].length;
      if (!match[0].endsWith(",")) break;
      continue;
    }
    const comma = text.indexOf(",", at);
    const end = comma < 0 ? text.length : comma;
    fields.push(text.slice(at, end));
    at = end + 1;
  }
  return fields;
}

class FieldReader {
  readonly #fields: ReadonlyMap<string, string>;
  /** Variables are not known yet: what has one cannot be judged. */
  readonly #isLenient: boolean;

  constructor(fields: ReadonlyMap<string, string>, isLenient: boolean) {
    this.#fields = fields;
    this.#isLenient = isLenient;
  }

  text(key: string): string | undefined {
    return this.#fields.get(key);
  }

  target(type: string): string {
    const target = this.text("target");
    if (target) return target;
    throw new MountSyntaxError(`target is required for a ${type} mount`);
  }

  isTrue(key: string): boolean {
    const text = this.#known(key)?.toLowerCase();
    if (text === undefined) return false;
    if (["1", "t", "true"].includes(text)) return true;
    if (["0", "f", "false"].includes(text)) return false;
    throw new MountSyntaxError(`invalid value for ${key}: ${this.text(key)}`);
  }

  isReadOnly(otherwise: boolean): boolean {
    if (this.text("readwrite") !== undefined) return !this.isTrue("readwrite");
    return this.text("readonly") === undefined ? otherwise : this.isTrue("readonly");
  }

  sharing(): "shared" | "private" | "locked" {
    const text = this.#known("sharing")?.toLowerCase() ?? "shared";
    if (text === "shared" || text === "private" || text === "locked") return text;
    const near = nearestWord(text, ["shared", "private", "locked"]);
    const hint = near === undefined ? "" : ` (did you mean ${near}?)`;
    throw new MountSyntaxError(`unsupported sharing value ${JSON.stringify(text)}${hint}`);
  }

  owner(mode: number): Owned {
    return {
      mode: this.#number("mode", 8) ?? mode,
      uid: this.#number("uid", 10) ?? 0,
      gid: this.#number("gid", 10) ?? 0,
    };
  }

  size(): number | undefined {
    const text = this.#known("size");
    if (text === undefined) return undefined;
    try {
      return parseBinarySize(text);
    } catch {
      throw new MountSyntaxError(`invalid value for size: ${text}`);
    }
  }

  #number(key: string, base: 8 | 10): number | undefined {
    const text = this.#known(key);
    if (text === undefined) return undefined;
    const digits = base === 8 ? /^[0-7]{1,6}$/ : /^\d{1,10}$/;
    if (digits.test(text)) return Number.parseInt(text, base);
    throw new MountSyntaxError(`invalid value ${JSON.stringify(text)} for ${key}`);
  }

  #known(key: string): string | undefined {
    const text = this.text(key);
    return this.#isLenient && text?.includes("$") ? undefined : text;
  }
}
