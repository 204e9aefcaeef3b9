import { jsonString } from "#bake/hcl/functions/json.ts";
import {
  FIELD_NAMES,
  type Group,
  TARGET_FIELDS,
  type TargetFields,
} from "#bake/definition/target.ts";
import type { Resolved } from "./resolve.ts";

/** Fields whose texts would be read as templates when the output is read again. */
const ESCAPED: ReadonlySet<string> = new Set([
  "annotations",
  "args",
  "dockerfile-inline",
  "extra-hosts",
  "labels",
]);

/** The definition as `buildx bake --print` writes it, byte for byte; with its final newline. */
export function printTargets({ targets, groups }: Resolved): string {
  const group = [...groups].map(([name, one]) => [name, groupObject(one)] as const);
  const target = [...targets].map(([name, { fields }]) => [name, targetObject(fields)] as const);
  const whole = {
    ...(group.length > 0 ? { group: Object.fromEntries(group) } : {}),
    target: Object.fromEntries(target),
  };
  return `${goJson(whole, "")}\n`;
}

function groupObject({ description, targets }: Group): object {
  return { ...(description === undefined ? {} : { description }), targets };
}

/** What is empty is left out, and maps have their names in order. */
export function targetObject(fields: TargetFields): object {
  const shown: [string, unknown][] = [];
  for (const name of FIELD_NAMES) {
    const value = fields[name];
    if (value === undefined || value === "") {
      // pointers to texts are shown when they are empty, descriptions are not
      if (value === "" && name !== "description") shown.push([name, ""]);
      continue;
    }
    const { kind } = TARGET_FIELDS[name];
    const isMap = kind === "map" || kind === "nullable-map";
    if (isMap) {
      const entries = Object.entries(value).toSorted(([left], [right]) => (left < right ? -1 : 1));
      if (entries.length > 0) shown.push([name, escaped(name, Object.fromEntries(entries))]);
    } else if (!Array.isArray(value) || value.length > 0) shown.push([name, escaped(name, value)]);
  }
  return Object.fromEntries(shown);
}

function escaped(name: string, value: unknown): unknown {
  if (!ESCAPED.has(name)) return value;
  if (typeof value === "string") return value.replaceAll(/[$%](?=\{)/g, "$&$&");
  if (Array.isArray(value)) return value.map((one) => escaped(name, one));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, escaped(name, one)]));
}

/** As Go's encoder writes it with an indent of two. */
function goJson(value: unknown, indent: string): string {
  const inner = `${indent}  `;
  if (typeof value === "string") return jsonString(value);
  if (Array.isArray(value)) {
    if (value.length === 0) return "[]";
    return `[\n${value.map((one) => `${inner}${goJson(one, inner)}`).join(",\n")}\n${indent}]`;
  }
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value).filter(([, one]) => one !== undefined);
  if (members.length === 0) return "{}";
  const rows = members.map(([name, one]) => `${inner}${jsonString(name)}: ${goJson(one, inner)}`);
  return `{\n${rows.join(",\n")}\n${indent}}`;
}

/** Any value in the same form. */
export function printJson(value: unknown): string {
  return `${goJson(value, "")}\n`;
}
