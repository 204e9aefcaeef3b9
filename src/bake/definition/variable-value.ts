import { InvalidArgumentError, messageOf } from "#base/errors.ts";
import { convert } from "#bake/hcl/convert.ts";
import { ArgumentError } from "#bake/hcl/function.ts";
import { parseCsv } from "#bake/hcl/functions/encoding.ts";
import { valueOfJson } from "#bake/hcl/functions/json.ts";
import { tryParseExact } from "#bake/hcl/exact-number.ts";
import {
  bool,
  map,
  number,
  STRING,
  text,
  tuple,
  type Type,
  typeName,
  type Value,
} from "#bake/hcl/value.ts";

/** What the environment says for a variable. */
export interface GivenValue {
  readonly text: string;
  /** From `NAME_JSON`. */
  readonly isJson: boolean;
}

/**
 * The environment's value for a variable of a type.
 *
 * @throws {InvalidArgumentError} It is none of that type.
 */
export function givenValue(name: string, given: GivenValue, type: Type): Value {
  const fail = (how: string, why: string): never => {
    throw new InvalidArgumentError(`failed to convert variable ${name} from ${how}: ${why}`);
  };
  try {
    const read = given.isJson ? valueOfJson(given.text) : readText(name, given.text, type);
    const made = convert(read, type);
    return made.ok ? made.value : fail(given.isJson ? "JSON" : "CSV", made.reason);
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    return fail(given.isJson ? "JSON" : "CSV", messageOf(error));
  }
}

function readText(name: string, value: string, type: Type): Value {
  switch (type.kind) {
    case "any":
    case "string":
      return text(value);
    case "bool": {
      if (/^(?:1|t|T|TRUE|true|True)$/.test(value)) return bool(true);
      if (/^(?:0|f|F|FALSE|false|False)$/.test(value)) return bool(false);
      throw new InvalidArgumentError(
        `failed to parse ${name} as bool: ${JSON.stringify(value)} is neither true nor false`,
      );
    }
    case "number": {
      const found = tryParseExact(value);
      if (found) return number(found);
      throw new InvalidArgumentError(
        `failed to parse ${name} as number: ${JSON.stringify(value)} is none`,
      );
    }
    case "list":
    case "set":
    case "tuple":
      return tuple((parseCsv(value)[0] ?? []).map(text));
    case "map":
      return map(STRING, (parseCsv(value)[0] ?? []).map(pairOf));
    case "object":
      throw new InvalidArgumentError(
        `unsupported type ${typeName(type)} for variable ${name}: set ${name}_JSON`,
      );
  }
}

function pairOf(field: string): readonly [string, Value] {
  const at = field.indexOf(":");
  if (at < 0) throw new ArgumentError(0, `expected key:value, not ${JSON.stringify(field)}`);
  return [field.slice(0, at), text(field.slice(at + 1))];
}
