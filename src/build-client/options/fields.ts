import { InvalidArgumentError } from "#base/errors.ts";
import { splitCsvLine } from "#spec/engine-api/mount-flags.ts";

/** `key=value,key=value` of one flag, keys in lower case. @throws {InvalidArgumentError} A field without `=`. */
export function readFields(text: string): ReadonlyMap<string, string> {
  return new Map(
    splitCsvLine(text).map((field) => {
      const at = field.indexOf("=");
      if (at < 0)
        throw new InvalidArgumentError(`invalid field '${field}' must be a key=value pair`);
      return [field.slice(0, at).trim().toLowerCase(), field.slice(at + 1)];
    }),
  );
}

/** The fields without some. */
export function withoutFields(
  fields: ReadonlyMap<string, string>,
  ...names: readonly string[]
): ReadonlyMap<string, string> {
  return new Map([...fields].filter(([name]) => !names.includes(name)));
}
