import { InvalidArgumentError } from "#base/errors.ts";
import { parseCsv } from "#bake/hcl/functions/encoding.ts";
import { ArgumentError } from "#bake/hcl/function.ts";

/** A cache, output, attestation, secret or agent: attributes by name, in the order in which they are printed. */
export type Entry = Readonly<Record<string, string | boolean | readonly string[]>>;

export type EntryKind = "cache" | "output" | "attest" | "secret" | "ssh";

/**
 * An entry as one text, as flags have it: `type=registry,ref=user/app:cache`.
 *
 * @throws {InvalidArgumentError} In buildx's words.
 */
export function parseEntry(kind: EntryKind, text: string): Entry {
  switch (kind) {
    case "ssh": {
      const at = text.indexOf("=");
      return at < 0
        ? { id: text }
        : { id: text.slice(0, at), paths: text.slice(at + 1).split(",") };
    }
    case "cache":
      return parseCache(text);
    case "output":
      return parseOutput(text);
    case "attest":
      return entryOf(kind, attributesOf(text), text);
    case "secret":
      return parseSecret(text);
  }
}

/** An entry that a definition has as an object. @throws {InvalidArgumentError} It lacks what it needs. */
export function entryOf(
  kind: EntryKind,
  attributes: Readonly<Record<string, string | boolean | readonly string[]>>,
  text: string = JSON.stringify(attributes),
): Entry {
  if (kind === "secret") return ordered(attributes, ["id", "src", "env"], kind);
  if (kind === "ssh") return ordered(attributes, ["id", "paths"], kind);
  if (attributes["type"] === undefined || attributes["type"] === "") {
    if (kind === "cache")
      throw new InvalidArgumentError(`type required for ${JSON.stringify(text)}`);
    throw new InvalidArgumentError(
      kind === "output" ? "type is required for output" : "attestation type not specified",
    );
  }
  const { disabled, ...rest } = attributes;
  const isOff = kind === "attest" && (disabled === true || disabled === "true" || disabled === "1");
  const all = kind === "attest" ? { ...rest, ...(isOff ? { disabled: true } : {}) } : attributes;
  return Object.fromEntries(
    Object.entries(all)
      .filter(([name, value]) => name !== "dest" || value !== "")
      .toSorted(([left], [right]) => (left < right ? -1 : 1)),
  );
}

function ordered(attributes: Entry, names: readonly string[], kind: string): Entry {
  const unknown = Object.keys(attributes).find((name) => !names.includes(name) && name !== "type");
  if (unknown !== undefined) {
    throw new InvalidArgumentError(
      `unexpected key '${unknown}' in a ${kind}: there are ${names.join(", ")}`,
    );
  }
  const found = names.map((name) => [name, attributes[name] ?? ""] as const);
  return Object.fromEntries(
    found.filter(([, value]) => typeof value !== "boolean" && value.length > 0),
  );
}

function fieldsOf(text: string): readonly string[] {
  try {
    return parseCsv(text)[0] ?? [];
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    throw new InvalidArgumentError(`invalid value ${text}: ${error.message}`);
  }
}

function attributesOf(text: string): Readonly<Record<string, string>> {
  const pairs = fieldsOf(text).map((field): readonly [string, string] => {
    const at = field.indexOf("=");
    if (at < 0) throw new InvalidArgumentError(`invalid value ${field}`);
    return [field.slice(0, at).trim().toLowerCase(), field.slice(at + 1)];
  });
  return Object.fromEntries(pairs);
}

function parseCache(text: string): Entry {
  const fields = fieldsOf(text);
  const [only = ""] = fields;
  if (fields.length === 1 && !only.includes("=")) return { ref: only, type: "registry" };
  return entryOf("cache", attributesOf(text), text);
}

function parseOutput(text: string): Entry {
  const fields = fieldsOf(text);
  if (fields.length === 1 && fields[0] === text && !text.startsWith("type=")) {
    return { dest: text, type: text === "-" ? "tar" : "local" };
  }
  return entryOf("output", attributesOf(text), text);
}

function parseSecret(text: string): Entry {
  const { type = "", source, ...rest } = attributesOf(text);
  if (type !== "" && type !== "file" && type !== "env") {
    throw new InvalidArgumentError(`unsupported secret type ${JSON.stringify(type)}`);
  }
  const src = rest["src"] ?? source ?? "";
  const { env = "" } = rest;
  const isVariable = type === "env" && env === "";
  return entryOf("secret", {
    ...rest,
    src: isVariable ? "" : src,
    env: isVariable ? src : env,
  });
}

/** Several entries in one text: references alone may share one. */
export function parseEntries(kind: EntryKind, texts: readonly string[]): readonly Entry[] {
  return texts
    .filter((text) => text !== "")
    .flatMap((text) =>
      kind === "cache" && !text.includes("=")
        ? fieldsOf(text).map((field) => parseEntry(kind, field))
        : [parseEntry(kind, text)],
    );
}
