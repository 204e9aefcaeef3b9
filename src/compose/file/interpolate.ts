import { InvalidArgumentError } from "#base/errors.ts";
import { composeError, type Positions } from "./positions.ts";
import { isList, isMapping, type Tree, type TreePath } from "./tree.ts";

export interface Interpolation {
  readonly lookUp: (name: string) => string | undefined;
  /** Once a variable that is not set and has no default. */
  readonly onUnset: (name: string) => void;
  /** Each variable that is met. */
  readonly onVariable?: (variable: Variable) => void;
}

/** A variable as a file mentions it. */
export interface Variable {
  readonly name: string;
  readonly isRequired: boolean;
  /** What stands for it where it is not set. */
  readonly default: string;
  /** What stands for it where it is set. */
  readonly alternate: string;
}

const NAME = /^[_a-zA-Z][_a-zA-Z0-9]*/;
const OPERATOR = /^(:?[-?+])/;

/** Of values within values. */
const MAX_DEPTH = 100;
/** Of a value in a message, in characters. */
const SHOWN = 200;

class TemplateError extends Error {}

/**
 * `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME-default}`, `${NAME:?message}`, `${NAME?message}`,
 * `${NAME:+instead}`, `${NAME+instead}`, nested; `$$` is a dollar sign.
 * Source: the Compose specification, "Interpolation".
 *
 * @throws {InvalidArgumentError} It is none of these, or a required variable has no value.
 */
export function interpolate(template: string, interpolation: Interpolation): string {
  try {
    return substitute(template, interpolation);
  } catch (error) {
    if (error instanceof TemplateError) throw new InvalidArgumentError(error.message);
    throw error;
  }
}

function substitute(template: string, interpolation: Interpolation, depth = 0): string {
  if (depth > MAX_DEPTH) {
    throw new TemplateError(`variables nested more than ${MAX_DEPTH} deep`);
  }
  let result = "";
  let rest = template;
  for (;;) {
    const dollar = rest.indexOf("$");
    if (dollar === -1) return result + rest;
    result += rest.slice(0, dollar);
    rest = rest.slice(dollar + 1);
    if (rest.startsWith("$")) {
      result += "$";
      rest = rest.slice(1);
      continue;
    }
    const name = NAME.exec(rest)?.[0];
    if (name !== undefined) {
      result += valueOf(name, interpolation);
      rest = rest.slice(name.length);
      continue;
    }
    const end = rest.startsWith("{") ? closingBrace(rest) : -1;
    if (end === -1) throw new TemplateError(invalid(template));
    result += substituteBraced(rest.slice(1, end), template, interpolation, depth);
    rest = rest.slice(end + 1);
  }
}

function valueOf(name: string, { lookUp, onUnset, onVariable }: Interpolation): string {
  onVariable?.({ name, isRequired: false, default: "", alternate: "" });
  const value = lookUp(name);
  if (value === undefined) onUnset(name);
  return value ?? "";
}

function substituteBraced(
  inside: string,
  template: string,
  interpolation: Interpolation,
  depth: number,
): string {
  const name = NAME.exec(inside)?.[0];
  if (name === undefined) throw new TemplateError(invalid(template));
  const after = inside.slice(name.length);
  if (after === "") return valueOf(name, interpolation);
  const operator = OPERATOR.exec(after)?.[1];
  if (operator === undefined) throw new TemplateError(invalid(template));
  const raw = after.slice(operator.length);
  const kind = operator.at(-1);
  interpolation.onVariable?.({
    name,
    isRequired: kind === "?",
    default: kind === "-" ? raw : "",
    alternate: kind === "+" ? raw : "",
  });
  const argument = (): string => substitute(raw, interpolation, depth + 1);
  const value = interpolation.lookUp(name);
  const isThere = value !== undefined && (operator.startsWith(":") ? value !== "" : true);
  switch (kind) {
    case "-":
      return isThere ? value : argument();
    case "+":
      return isThere ? argument() : "";
    default: {
      if (isThere) return value;
      throw new TemplateError(`required variable ${name} is missing a value: ${argument()}`);
    }
  }
}

function closingBrace(text: string): number {
  let open = 0;
  for (let index = 0; index < text.length; index++) {
    if (text[index] === "}" && --open === 0) return index;
    if (text[index] === "{" && (index === 0 || text[index - 1] === "$")) open++;
  }
  return -1;
}

function invalid(template: string): string {
  const shown = template.length > SHOWN ? `${template.slice(0, SHOWN)}…` : template;
  return `invalid interpolation format: ${JSON.stringify(shown)}; to mean a dollar sign, write $$`;
}

/** Every string value of a tree; keys stay as they are. */
export function interpolateTree(
  tree: Tree,
  interpolation: Interpolation,
  positions: Positions,
): Tree {
  const walk = (inner: Tree, path: TreePath): Tree => {
    if (typeof inner === "string") {
      if (!inner.includes("$")) return inner;
      try {
        return substitute(inner, interpolation);
      } catch (error) {
        if (!(error instanceof TemplateError)) throw error;
        throw composeError({ position: positions.find(tree, path), path, what: error.message });
      }
    }
    if (isMapping(inner)) {
      const made = new Map([...inner].map(([key, value]) => [key, walk(value, [...path, key])]));
      positions.inherit(made, inner);
      return made;
    }
    if (isList(inner)) {
      const made = inner.map((value, index) => walk(value, [...path, index]));
      positions.inherit(made, inner);
      return made;
    }
    return inner;
  };
  return walk(tree, []);
}

/** What `interpolate` makes back to the same text. */
export function escapeDollars(text: string): string {
  return text.replaceAll("$", "$$$$");
}
