import { InvalidArgumentError } from "#base/errors.ts";
import { stringifyJson } from "#base/json.ts";
import type { TemplateFunctions } from "./functions.ts";
import {
  formatValue,
  type GoValue,
  isMap,
  mapEntries,
  TemplateStruct,
  typeName,
} from "./values.ts";

/** JSON of Go's encoder: structs in their order, maps (`Map`) sorted, no HTML escapes. */
export function goJson(value: GoValue): string {
  return stringifyJson(plain(value));
}

function plain(value: GoValue): unknown {
  if (value === undefined) return null;
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof TemplateStruct) return plain(value.toJSON());
  if (!isMap(value)) return value;
  const entries = value instanceof Map ? mapEntries(value) : Object.entries(value);
  return Object.fromEntries(
    entries
      .filter(([, item]) => item !== undefined)
      .map(([key, item]): [string, unknown] => [key, plain(item)]),
  );
}

function joinList(list: GoValue, separator: string): string {
  if (list === null || list === undefined) return "";
  if (Array.isArray(list)) return list.map(formatValue).join(separator);
  if (isMap(list))
    return mapEntries(list)
      .map(([, item]) => formatValue(item))
      .join(separator);
  throw new InvalidArgumentError(`expected slice, got ${typeName(list)}`);
}

/** Go's `strings.Title`: each letter after one that is no letter becomes upper case. */
function title(text: string): string {
  return text.replace(
    /(^|[^\p{L}\p{N}_'])(\p{L})/gu,
    (_, before: string, letter: string) => before + letter.toUpperCase(),
  );
}

/** What `--format` has besides Go's own functions. */
export const TEXT_FUNCTIONS: TemplateFunctions = {
  json: { parameters: ["any"], apply: ([value]) => goJson(value) },
  split: {
    parameters: ["string", "string"],
    apply: ([text, separator]) => String(text).split(String(separator)),
  },
  join: {
    parameters: ["any", "string"],
    apply: ([list, separator]) => joinList(list, String(separator)),
  },
  title: { parameters: ["string"], apply: ([text]) => title(String(text)) },
  lower: { parameters: ["string"], apply: ([text]) => String(text).toLowerCase() },
  upper: { parameters: ["string"], apply: ([text]) => String(text).toUpperCase() },
  pad: {
    parameters: ["string", "int", "int"],
    apply: ([text, before, after]) =>
      text === "" ? "" : " ".repeat(blanks(before)) + String(text) + " ".repeat(blanks(after)),
  },
  truncate: {
    parameters: ["string", "int"],
    apply: ([text, length]) => truncate(String(text), blanks(length)),
  },
};

function blanks(count: GoValue): number {
  return Math.min(Math.max(0, Number(count)), 10_000);
}

function truncate(text: string, lengthBytes: number): string {
  const bytes = Buffer.from(text);
  return bytes.byteLength <= lengthBytes ? text : bytes.subarray(0, lengthBytes).toString();
}

/** The same names for the header row of a table, where each field is its own heading. */
export const HEADER_FUNCTIONS: TemplateFunctions = {
  ...TEXT_FUNCTIONS,
  ...Object.fromEntries(
    ["json", "title", "lower", "upper"].map((name) => [
      name,
      { parameters: ["any"], apply: ([value]: readonly GoValue[]) => value },
    ]),
  ),
  split: { parameters: ["any", "string"], apply: ([value]) => value },
  join: { parameters: ["any", "string"], apply: ([value]) => value },
  truncate: { parameters: ["any", "int"], apply: ([value]) => value },
};
