import { InvalidArgumentError } from "#base/errors.ts";
import { sprint, sprintf, sprintln } from "./printf.ts";
import {
  formatValue,
  type GoValue,
  isMap,
  isTrue,
  mapEntries,
  mapGet,
  typeName,
} from "./values.ts";

export type ParameterType = "any" | "string" | "int";

/** A function that templates call. Operands are checked against `parameters` before `apply` runs. */
export interface TemplateFunction {
  readonly parameters: readonly ParameterType[];
  /** Type of any number of further operands. */
  readonly rest?: ParameterType;
  readonly apply: (operands: readonly GoValue[]) => GoValue;
}

export type TemplateFunctions = Readonly<Record<string, TemplateFunction>>;

function fail(message: string): InvalidArgumentError {
  return new InvalidArgumentError(message);
}

function isNumeric(value: GoValue): value is number | bigint {
  return typeof value === "number" || typeof value === "bigint";
}

function lengthOf(value: GoValue): number {
  if (typeof value === "string") return Buffer.byteLength(value);
  if (Array.isArray(value)) return value.length;
  if (isMap(value)) return mapEntries(value).length;
  if (value === null || value === undefined) throw fail("len of nil pointer");
  throw fail(`len of type ${typeName(value)}`);
}

function indexNumber(value: GoValue, length: number, limit: number): number {
  if (value === null || value === undefined) throw fail("cannot index slice/array with nil");
  if (!isNumeric(value) || !Number.isInteger(Number(value))) {
    throw fail(`cannot index slice/array with type ${typeName(value)}`);
  }
  const index = Number(value);
  if (index < 0 || index >= limit || index > length) throw fail(`index out of range: ${index}`);
  return index;
}

function indexOnce(value: GoValue, key: GoValue): GoValue {
  if (value === null || value === undefined) throw fail("index of nil pointer");
  if (typeof value === "string") {
    const bytes = Buffer.from(value);
    return bytes[indexNumber(key, bytes.length, bytes.length)];
  }
  if (Array.isArray(value)) return value[indexNumber(key, value.length, value.length)] ?? null;
  if (isMap(value)) {
    if (typeof key !== "string") {
      throw fail(
        key === null || key === undefined
          ? "value is nil; should be of type string"
          : `value has type ${typeName(key)}; should be string`,
      );
    }
    return mapGet(value, key) ?? missingItem(value);
  }
  throw fail(`can't index item of type ${typeName(value)}`);
}

/**
 * What `index` gives for a key that a map lacks: the zero value of its items. Maps of strings (labels, options)
 * are told by their items, as the JSON does not say; an empty one is mostly such.
 */
function missingItem(map: GoValue): GoValue {
  return isMap(map) && mapEntries(map).every(([, item]) => typeof item === "string") ? "" : null;
}

function sliceOf(value: GoValue, bounds: readonly GoValue[]): GoValue {
  if (value === null || value === undefined) throw fail("slice of untyped nil");
  if (bounds.length > 3) throw fail(`too many slice indexes: ${bounds.length}`);
  const bytes = typeof value === "string" ? Buffer.from(value) : undefined;
  if (bytes && bounds.length === 3) throw fail("cannot 3-index slice a string");
  const list = bytes ?? (Array.isArray(value) ? value : undefined);
  if (!list) throw fail(`can't slice item of type ${typeName(value)}`);
  const [from = 0, to = list.length] = bounds.map((bound) =>
    indexNumber(bound, list.length, list.length + 1),
  );
  if (from > to) throw fail(`invalid slice index: ${from} > ${to}`);
  return bytes ? bytes.subarray(from, to).toString() : list.slice(from, to);
}

type BasicKind = "bool" | "number" | "string" | "nil" | undefined;

function basicKind(value: GoValue): BasicKind {
  if (value === null || value === undefined) return "nil";
  if (isNumeric(value)) return "number";
  if (typeof value === "boolean") return "bool";
  return typeof value === "string" ? "string" : undefined;
}

function isEqual(left: GoValue, right: GoValue): boolean {
  const leftKind = basicKind(left);
  const rightKind = basicKind(right);
  if (leftKind === undefined)
    throw fail(`non-comparable type ${formatValue(left)}: ${typeName(left)}`);
  if (rightKind === undefined)
    throw fail(`non-comparable type ${formatValue(right)}: ${typeName(right)}`);
  if (leftKind === "nil" || rightKind === "nil") return leftKind === rightKind;
  if (leftKind !== rightKind) throw fail("incompatible types for comparison");
  return left === right;
}

function isLess(left: GoValue, right: GoValue): boolean {
  if (isNumeric(left) && isNumeric(right)) return left < right;
  if (typeof left === "string" && typeof right === "string") {
    return Buffer.compare(Buffer.from(left), Buffer.from(right)) < 0;
  }
  const isBasic = basicKind(left) !== undefined && basicKind(right) !== undefined;
  throw fail(
    isBasic && basicKind(left) !== basicKind(right)
      ? "incompatible types for comparison"
      : "invalid type for comparison",
  );
}

function text(operands: readonly GoValue[]): string {
  return sprint(operands);
}

const HTML: Readonly<Record<string, string>> = {
  '"': "&#34;",
  "'": "&#39;",
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  "\0": "\ufffd",
};

function escapeJs(value: string): string {
  return value
    .replace(/[\\'"]/g, "\\$&")
    .replaceAll("\n", "\\n")
    .replaceAll("\r", "\\r")
    .replaceAll("\t", "\\t")
    .replace(/[<>&=\x00-\x1f]/g, (character) => {
      const code = character.charCodeAt(0).toString(16).toUpperCase();
      return `\\u${code.padStart(4, "0")}`;
    });
}

function escapeQuery(value: string): string {
  return encodeURIComponent(value)
    .replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll("%20", "+");
}

function callFunction(operands: readonly GoValue[]): GoValue {
  const [target, ...rest] = operands;
  if (target === null || target === undefined) throw fail("call of nil");
  if (typeof target !== "function") throw fail(`non-function of type ${typeName(target)}`);
  const called: unknown = Reflect.apply(target, undefined, rest);
  return called;
}

const variadic = (apply: (operands: readonly GoValue[]) => GoValue): TemplateFunction => ({
  parameters: [],
  rest: "any",
  apply,
});

const compare = (apply: (left: GoValue, right: GoValue) => boolean): TemplateFunction => ({
  parameters: ["any", "any"],
  apply: ([left, right]) => apply(left, right),
});

/** The functions that every Go template has; `and` and `or` are the executor's, as they stop early. */
export const BUILTIN_FUNCTIONS: TemplateFunctions = {
  and: { parameters: ["any"], rest: "any", apply: (operands) => operands.at(-1) },
  or: { parameters: ["any"], rest: "any", apply: (operands) => operands.at(-1) },
  not: { parameters: ["any"], apply: ([value]) => !isTrue(value) },
  len: { parameters: ["any"], apply: ([value]) => lengthOf(value) },
  index: {
    parameters: ["any"],
    rest: "any",
    apply: ([value, ...keys]) => keys.reduce<GoValue>(indexOnce, value),
  },
  slice: {
    parameters: ["any"],
    rest: "any",
    apply: ([value, ...bounds]) => sliceOf(value, bounds),
  },
  print: variadic(text),
  printf: {
    parameters: ["string"],
    rest: "any",
    apply: ([format, ...operands]) => sprintf(String(format), operands),
  },
  println: variadic(sprintln),
  html: variadic((operands) =>
    text(operands).replace(/["'&<>\0]/g, (found) => HTML[found] ?? found),
  ),
  js: variadic((operands) => escapeJs(text(operands))),
  urlquery: variadic((operands) => escapeQuery(text(operands))),
  call: { parameters: ["any"], rest: "any", apply: callFunction },
  eq: {
    parameters: ["any"],
    rest: "any",
    apply: ([first, ...others]) => {
      if (others.length === 0) throw fail("missing argument for comparison");
      return others.some((other) => isEqual(first, other));
    },
  },
  ne: compare((left, right) => !isEqual(left, right)),
  lt: compare(isLess),
  le: compare((left, right) => isLess(left, right) || isEqual(left, right)),
  gt: compare((left, right) => !isLess(left, right) && !isEqual(left, right)),
  ge: compare((left, right) => !isLess(left, right)),
};
