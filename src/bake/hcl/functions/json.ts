import { exactOf, formatExact } from "#bake/hcl/exact-number.ts";
import { ArgumentError } from "#bake/hcl/function.ts";
import {
  bool,
  hasEntries,
  isSequence,
  nullOf,
  number,
  object,
  text,
  tuple,
  type Value,
} from "#bake/hcl/value.ts";

/** As Go's encoder writes it: names in order, `<`, `>` and `&` escaped. */
export function jsonText(value: Value): string {
  if (isSequence(value)) return `[${value.items.map(jsonText).join(",")}]`;
  if (hasEntries(value)) {
    const members = [...value.entries].map(([name, one]) => `${jsonString(name)}:${jsonText(one)}`);
    return `{${members.join(",")}}`;
  }
  if (value.kind === "null") return "null";
  if (value.kind === "string") return jsonString(value.value);
  return value.kind === "number" ? formatExact(value.value) : String(value.value);
}

export function jsonString(value: string): string {
  return JSON.stringify(value).replaceAll(
    /[<>&\u2028\u2029]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** @throws {ArgumentError} It is no JSON. */
export function valueOfJson(json: string): Value {
  try {
    return valueOf(JSON.parse(json));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new ArgumentError(0, `it is no JSON: ${error.message}`);
  }
}

function valueOf(json: unknown): Value {
  if (json === null || json === undefined) return nullOf();
  if (typeof json === "string") return text(json);
  if (typeof json === "boolean") return bool(json);
  if (typeof json === "number") return number(exactOf(json));
  if (Array.isArray(json)) return tuple(json.map(valueOf));
  return object(Object.entries(json).map(([name, one]): [string, Value] => [name, valueOf(one)]));
}
