import { InvalidArgumentError } from "#base/errors.ts";
import { parseBinarySize } from "#base/sizes.ts";
import type { BindOptions, Mount, MountType, TmpfsOptions, VolumeOptions } from "./mount.ts";

/** The `--mount` and `--tmpfs` syntaxes of the CLI; the engine checks what they mean. */

/**
 * Splits one line of comma separated values: a field in double quotes may hold commas and doubled
 * quotes.
 *
 * @throws {InvalidArgumentError} With the text of Go's CSV reader.
 */
export function splitCsvLine(line: string): readonly string[] {
  const fields: string[] = [];
  let at = 0;
  for (;;) {
    if (line[at] !== '"') {
      const comma = line.indexOf(",", at);
      const field = line.slice(at, comma < 0 ? undefined : comma);
      const quote = field.indexOf('"');
      if (quote >= 0) {
        throw new InvalidArgumentError(
          `parse error on line 1, column ${at + quote + 1}: bare " in non-quoted-field`,
        );
      }
      fields.push(field);
      if (comma < 0) return fields;
      at = comma + 1;
      continue;
    }
    const quoted = /^"((?:[^"]|"")*)"(,|$)/.exec(line.slice(at));
    if (!quoted) {
      throw new InvalidArgumentError(
        `parse error on line 1, column ${line.length + 1}: extraneous or missing " in quoted-field`,
      );
    }
    fields.push((quoted[1] ?? "").replaceAll('""', '"'));
    if (quoted[2] === "") return fields;
    at += quoted[0].length;
  }
}

/** Mutable while the fields of one flag are read. */
interface Draft {
  type: string;
  source: string;
  target: string;
  readOnly: boolean;
  consistency: string;
  bind: { -readonly [Key in keyof BindOptions]: BindOptions[Key] } | undefined;
  volume: { -readonly [Key in keyof VolumeOptions]: VolumeOptions[Key] } | undefined;
  volumeDriver: string;
  volumeOptions: Record<string, string>;
  volumeLabels: Record<string, string>;
  imageSubpath: string | undefined;
  tmpfs: { -readonly [Key in keyof TmpfsOptions]: TmpfsOptions[Key] } | undefined;
}

function parseBoolean(key: string, value: string): boolean {
  if (/^(?:1|t|T|TRUE|true|True)$/.test(value)) return true;
  if (/^(?:0|f|F|FALSE|false|False)$/.test(value)) return false;
  throw new InvalidArgumentError(`invalid value for ${key}: ${value}`);
}

function applyRecursion(draft: Draft, value: string): void {
  const bind = (draft.bind ??= {});
  switch (value) {
    case "enabled":
      return;
    case "disabled":
      bind.NonRecursive = true;
      return;
    case "writable":
      bind.ReadOnlyNonRecursive = true;
      return;
    case "readonly":
      bind.ReadOnlyForceRecursive = true;
      return;
    default:
      throw new InvalidArgumentError(
        `invalid value for bind-recursive: ${value} (must be "enabled", "disabled", "writable", or "readonly")`,
      );
  }
}

function assign(map: Record<string, string>, text: string): void {
  const equals = text.indexOf("=");
  const key = equals < 0 ? text : text.slice(0, equals);
  Object.defineProperty(map, key, {
    value: equals < 0 ? "" : text.slice(equals + 1),
    enumerable: true,
    configurable: true,
    writable: true,
  });
}

function parseTmpfsSize(value: string): number {
  try {
    return parseBinarySize(value);
  } catch (cause) {
    throw new InvalidArgumentError(`invalid value for tmpfs-size: ${value}`, { cause });
  }
}

function applyField(draft: Draft, field: string): void {
  const equals = field.indexOf("=");
  const key = (equals < 0 ? field : field.slice(0, equals)).toLowerCase();
  const isFlag = [
    "readonly",
    "ro",
    "volume-nocopy",
    "bind-nonrecursive",
    "bind-create-src",
    "idmap",
  ].includes(key);
  if (equals < 0 && !isFlag) {
    throw new InvalidArgumentError(`invalid field '${field}' must be a key=value pair`);
  }
  const value = equals < 0 ? "true" : field.slice(equals + 1);
  switch (key) {
    case "type":
      draft.type = value.toLowerCase();
      return;
    case "source":
    case "src":
      draft.source = value;
      return;
    case "target":
    case "dst":
    case "destination":
      draft.target = value;
      return;
    case "readonly":
    case "ro":
      draft.readOnly = parseBoolean(key, value);
      return;
    case "consistency":
      draft.consistency = value.toLowerCase();
      return;
    case "bind-propagation":
      // the engine refuses an unknown word, and names the mount in doing so
      draft.bind = { ...draft.bind, Propagation: value.toLowerCase() as "private" };
      return;
    case "bind-nonrecursive":
      draft.bind = { ...draft.bind, NonRecursive: parseBoolean(key, value) };
      return;
    case "bind-create-src":
      draft.bind = { ...draft.bind, CreateMountpoint: parseBoolean(key, value) };
      return;
    case "idmap":
      draft.bind = { ...draft.bind, IdMap: equals < 0 ? "container" : value };
      return;
    case "bind-recursive":
      applyRecursion(draft, value);
      return;
    case "volume-nocopy":
      draft.volume = { ...draft.volume, NoCopy: parseBoolean(key, value) };
      return;
    case "volume-subpath":
      draft.volume = { ...draft.volume, Subpath: value };
      return;
    case "volume-label":
      draft.volume ??= {};
      assign(draft.volumeLabels, value);
      return;
    case "volume-driver":
      draft.volume ??= {};
      draft.volumeDriver = value;
      return;
    case "volume-opt":
      draft.volume ??= {};
      assign(draft.volumeOptions, value);
      return;
    case "image-subpath":
      draft.imageSubpath = value;
      return;
    case "tmpfs-size":
      draft.tmpfs = { ...draft.tmpfs, SizeBytes: parseTmpfsSize(value) };
      return;
    case "tmpfs-mode":
      if (!/^[0-7]{1,7}$/.test(value)) {
        throw new InvalidArgumentError(`invalid value for tmpfs-mode: ${value}`);
      }
      draft.tmpfs = { ...draft.tmpfs, Mode: Number.parseInt(value, 8) };
      return;
    default:
      throw new InvalidArgumentError(`unexpected key '${key}' in '${field}'`);
  }
}

function checkDraft(draft: Draft): void {
  if (draft.type === "") throw new InvalidArgumentError("type is required");
  if (draft.target === "") throw new InvalidArgumentError("target is required");
  const groups: readonly (readonly [string, boolean])[] = [
    ["volume", draft.volume !== undefined],
    ["bind", draft.bind !== undefined],
    ["tmpfs", draft.tmpfs !== undefined],
    ["image", draft.imageSubpath !== undefined],
  ];
  for (const [type, isUsed] of groups) {
    if (isUsed && draft.type !== type) {
      throw new InvalidArgumentError(
        `cannot mix '${type}-*' options with mount type '${draft.type}'`,
      );
    }
  }
  if (!draft.bind?.ReadOnlyNonRecursive && !draft.bind?.ReadOnlyForceRecursive) return;
  const word = draft.bind.ReadOnlyForceRecursive ? "readonly" : "writable";
  if (!draft.readOnly) {
    throw new InvalidArgumentError(
      `option 'bind-recursive=${word}' requires 'readonly' to be specified in conjunction`,
    );
  }
  if (word === "readonly" && draft.bind.Propagation !== "rprivate") {
    throw new InvalidArgumentError(
      "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction",
    );
  }
}

/**
 * Reads one `--mount`: `type=bind,src=/a,dst=/b,readonly`.
 *
 * @throws {InvalidArgumentError} With the CLI's texts, without its `invalid argument …` frame.
 */
export function parseMountFlag(text: string): Mount {
  const draft: Draft = {
    type: "volume",
    source: "",
    target: "",
    readOnly: false,
    consistency: "",
    bind: undefined,
    volume: undefined,
    volumeDriver: "",
    volumeOptions: {},
    volumeLabels: {},
    imageSubpath: undefined,
    tmpfs: undefined,
  };
  for (const field of splitCsvLine(text.trim())) applyField(draft, field);
  checkDraft(draft);
  const hasDriver = draft.volumeDriver !== "" || Object.keys(draft.volumeOptions).length > 0;
  const volume: VolumeOptions | undefined = draft.volume && {
    ...draft.volume,
    ...(Object.keys(draft.volumeLabels).length > 0 ? { Labels: draft.volumeLabels } : {}),
    ...(hasDriver
      ? {
          DriverConfig: {
            ...(draft.volumeDriver ? { Name: draft.volumeDriver } : {}),
            ...(Object.keys(draft.volumeOptions).length > 0
              ? { Options: draft.volumeOptions }
              : {}),
          },
        }
      : {}),
  };
  return {
    // an unknown type is the engine's to refuse: a newer one may know it
    Type: draft.type as MountType,
    ...(draft.source ? { Source: draft.source } : {}),
    Target: draft.target,
    ...(draft.readOnly ? { ReadOnly: true } : {}),
    ...(draft.consistency ? { Consistency: draft.consistency } : {}),
    ...(draft.bind && { BindOptions: draft.bind }),
    ...(volume && { VolumeOptions: volume }),
    ...(draft.imageSubpath === undefined ? {} : { ImageOptions: { Subpath: draft.imageSubpath } }),
    ...(draft.tmpfs && { TmpfsOptions: draft.tmpfs }),
  };
}

/**
 * Splits one `--tmpfs`: `/run:size=64m,noexec`.
 *
 * @returns Key and value for `HostConfig.Tmpfs`.
 */
export function parseTmpfsFlag(text: string): {
  readonly target: string;
  readonly options: string;
} {
  const colon = text.indexOf(":");
  if (colon < 0) return { target: text, options: "" };
  return { target: text.slice(0, colon), options: text.slice(colon + 1) };
}

/**
 * Tells a `-v` that is an anonymous volume (`/data`, which goes into `Config.Volumes`) from one
 * that goes into `HostConfig.Binds`, and makes `./x`, `../x` and `~` hosts' paths absolute.
 *
 * @param absolutePath Resolves a relative host path; the only thing here that needs a folder.
 */
export function parseVolumeFlag(
  text: string,
  absolutePath: (relative: string) => string,
): { readonly kind: "anonymous" | "bind"; readonly value: string } {
  const colon = text.indexOf(":");
  if (colon < 0) return { kind: "anonymous", value: text };
  const source = text.slice(0, colon);
  const isRelative = source === "." || source === ".." || /^\.\.?\//.test(source);
  if (!isRelative) return { kind: "bind", value: text };
  return { kind: "bind", value: absolutePath(source) + text.slice(colon) };
}
