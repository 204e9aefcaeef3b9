import { convert } from "#bake/hcl/convert.ts";
import { evaluate } from "#bake/hcl/evaluate.ts";
import type { HclFunction, Scope } from "#bake/hcl/scope.ts";
import { DefinitionError, type SourceRange } from "#bake/hcl/source.ts";
import type { Expression } from "#bake/hcl/syntax.ts";
import { readType } from "#bake/hcl/type-constraint.ts";
import { bool, nullOf, type Value } from "#bake/hcl/value.ts";
import { COLLECTION_FUNCTIONS } from "./collections.ts";
import { ENCODING_FUNCTIONS } from "./encoding.ts";
import { FORMAT_FUNCTIONS } from "./format.ts";
import { NETWORK_FUNCTIONS } from "./networks.ts";
import { NUMBER_FUNCTIONS } from "./numbers.ts";
import { TEXT_FUNCTIONS } from "./text.ts";
import { TIME_FUNCTIONS } from "./times.ts";

/** A function that gets its arguments as they are written. */
function lazy(run: NonNullable<HclFunction["lazy"]>): HclFunction {
  return { lazy: run, call: () => nullOf() };
}

function tryEvaluate(expression: Expression, scope: Scope): Value | DefinitionError {
  try {
    return evaluate(expression, scope);
  } catch (error) {
    if (error instanceof DefinitionError) return error;
    throw error;
  }
}

/** The first that can be evaluated. */
function firstOf(args: readonly Expression[], scope: Scope, range: SourceRange): Value {
  let last: DefinitionError | undefined;
  for (const arg of args) {
    const found = tryEvaluate(arg, scope);
    if (!(found instanceof DefinitionError)) return found;
    last = found;
  }
  if (last) throw last;
  throw new DefinitionError(range, "Not enough function arguments", "try needs an expression.");
}

function isPossible(args: readonly Expression[], scope: Scope, range: SourceRange): Value {
  const [only] = args;
  if (!only || args.length !== 1) {
    throw new DefinitionError(range, "Invalid function call", "can takes one expression.");
  }
  return bool(!(tryEvaluate(only, scope) instanceof DefinitionError));
}

function converted(args: readonly Expression[], scope: Scope, range: SourceRange): Value {
  const [value, type] = args;
  if (!value || !type || args.length !== 2) {
    throw new DefinitionError(range, "Invalid function call", "convert takes a value and a type.");
  }
  const made = convert(evaluate(value, scope), readType(type));
  if (made.ok) return made.value;
  throw new DefinitionError(
    value.range,
    "Invalid function argument",
    `It cannot be: ${made.reason}.`,
  );
}

/** What every definition may call: buildx's functions. */
export const STANDARD_FUNCTIONS: ReadonlyMap<string, HclFunction> = new Map(
  Object.entries({
    ...COLLECTION_FUNCTIONS,
    ...ENCODING_FUNCTIONS,
    ...FORMAT_FUNCTIONS,
    ...NETWORK_FUNCTIONS,
    ...NUMBER_FUNCTIONS,
    ...TEXT_FUNCTIONS,
    ...TIME_FUNCTIONS,
    can: lazy(isPossible),
    convert: lazy(converted),
    try: lazy(firstOf),
  }),
);
