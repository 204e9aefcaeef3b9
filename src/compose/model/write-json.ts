import type { Written } from "./kinds.ts";

/** As Go's encoding/json has a string: what HTML would take for its own is escaped. */
function quote(text: string): string {
  return JSON.stringify(text).replaceAll(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** JSON to the letter of Go's encoder. @param indent Spaces a level; 0 for one line. */
export function writeJson(value: Written, indent = 0, depth = 0): string {
  if (value === null || typeof value !== "object") {
    return typeof value === "string" ? quote(value) : String(value);
  }
  const inner = indent === 0 ? "" : `\n${" ".repeat(indent * (depth + 1))}`;
  const end = indent === 0 ? "" : `\n${" ".repeat(indent * depth)}`;
  if (value instanceof Map) {
    const entries = [...(value as ReadonlyMap<string, Written>)].map(
      ([key, each]) =>
        `${inner}${quote(key)}:${indent === 0 ? "" : " "}${writeJson(each, indent, depth + 1)}`,
    );
    return entries.length === 0 ? "{}" : `{${entries.join(",")}${end}}`;
  }
  const items = (value as readonly Written[]).map(
    (each) => inner + writeJson(each, indent, depth + 1),
  );
  return items.length === 0 ? "[]" : `[${items.join(",")}${end}]`;
}
