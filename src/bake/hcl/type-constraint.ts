import { nearestWord } from "#base/nearest.ts";
import { DefinitionError } from "./source.ts";
import type { Expression } from "./syntax.ts";
import { ANY, BOOL, NUMBER, STRING, type Type, type Value } from "./value.ts";

const SCALARS: Readonly<Record<string, Type>> = {
  string: STRING,
  number: NUMBER,
  bool: BOOL,
  any: ANY,
};
const COLLECTIONS = ["list", "set", "map", "tuple", "object"];

/**
 * A type as it is written: `list(string)`, `object({name = string, port = optional(number)})`.
 *
 * @throws {DefinitionError} It is none.
 */
export function readType(expression: Expression): Type {
  if (expression.kind === "variable") {
    const scalar = SCALARS[expression.name];
    if (scalar) return scalar;
    if (COLLECTIONS.includes(expression.name)) {
      return invalid(
        expression,
        `The type ${expression.name} needs its elements' type in parentheses.`,
      );
    }
  }
  if (expression.kind !== "call") {
    const known = [...Object.keys(SCALARS), ...COLLECTIONS];
    const near = expression.kind === "variable" ? nearestWord(expression.name, known) : undefined;
    const hint = near === undefined ? "" : ` Did you mean "${near}"?`;
    return invalid(expression, `There are ${known.join(", ")}.${hint}`);
  }
  const { name, args } = expression;
  const [only] = args;
  if (!only || args.length !== 1) return invalid(expression, `${name} takes one argument.`);
  switch (name) {
    case "list":
    case "set":
    case "map":
      return { kind: name, element: readType(only) };
    case "tuple":
      if (only.kind !== "tuple") return invalid(only, "A tuple's types are in a list.");
      return { kind: "tuple", elements: only.items.map(readType) };
    case "object":
      return readObject(only);
    default: {
      const near = nearestWord(name, COLLECTIONS);
      const hint = near === undefined ? "" : ` Did you mean "${near}"?`;
      return invalid(expression, `There is no type "${name}".${hint}`);
    }
  }
}

function readObject(members: Expression): Type {
  if (members.kind !== "object") return invalid(members, "An object's types are in braces.");
  const attributes = new Map<string, Type>();
  const optional = new Map<string, Value | undefined>();
  for (const { key, value } of members.items) {
    if (key.kind !== "literal" || key.value.kind !== "string") {
      return invalid(key, "The name of an attribute is a word.");
    }
    const name = key.value.value;
    if (value.kind !== "call" || value.name !== "optional") {
      attributes.set(name, readType(value));
      continue;
    }
    const [type] = value.args;
    if (!type || value.args.length !== 1) return invalid(value, "optional takes one type.");
    attributes.set(name, readType(type));
    optional.set(name, undefined);
  }
  return { kind: "object", attributes, optional };
}

function invalid(expression: Expression, detail: string): never {
  throw new DefinitionError(expression.range, "Invalid type specification", detail);
}
