import { InvalidArgumentError } from "#base/errors.ts";
import type { CacheOptionsEntry } from "#spec/buildkit/shared.ts";
import { readFields, withoutFields } from "./fields.ts";

/** Reads `--cache-from` and `--cache-to`: `type=…,key=value`, or an image's name alone. */
export function parseCache(text: string): CacheOptionsEntry {
  if (!text.includes("=")) return { type: "registry", attributes: new Map([["ref", text]]) };
  const fields = readFields(text);
  const type = fields.get("type") ?? "";
  if (type === "") {
    throw new InvalidArgumentError(`type required form> ${JSON.stringify(text)}`);
  }
  return { type, attributes: withoutFields(fields, "type") };
}
