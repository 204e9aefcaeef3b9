import * as exact from "#bake/hcl/exact-number.ts";
import { ArgumentError, hclFunction } from "#bake/hcl/function.ts";
import type { HclFunction } from "#bake/hcl/scope.ts";
import { bool, isEqual, list, number, NUMBER, type Value } from "#bake/hcl/value.ts";
import { commonType, convert } from "#bake/hcl/convert.ts";
import { typeOf } from "#bake/hcl/value.ts";
import {
  asBool,
  asExact,
  asInteger,
  asText,
  boolParameter,
  nullableParameter,
  numberParameter,
} from "./arguments.ts";
import { anyParameter } from "./arguments.ts";

const LARGEST_RANGE = 1024;

type Exact = exact.ExactNumber;

function unary(name: string, run: (value: Exact) => Exact): HclFunction {
  return hclFunction([numberParameter(name)], (value) => number(run(asExact(value))));
}

function binary(run: (left: Exact, right: Exact) => Exact): HclFunction {
  return hclFunction([numberParameter("a"), numberParameter("b")], (left, right) =>
    number(run(asExact(left), asExact(right))),
  );
}

function comparison(holds: (order: number) => boolean): HclFunction {
  return hclFunction([numberParameter("a"), numberParameter("b")], (left, right) =>
    bool(holds(exact.compare(asExact(left), asExact(right)))),
  );
}

function divisible(right: Exact): Exact {
  if (right.numerator === 0n) throw new ArgumentError(1, "divide by zero");
  return right;
}

function extreme(isBetter: (order: number) => boolean): HclFunction {
  return hclFunction(
    [],
    (...values) => {
      const [first, ...others] = values.map(asExact);
      if (!first) throw new ArgumentError(-1, "must pass at least one number");
      return number(
        others.reduce((best, one) => (isBetter(exact.compare(one, best)) ? one : best), first),
      );
    },
    numberParameter("numbers"),
  );
}

/** By floating point, as HCL does these. */
function floating(
  names: readonly [string, string],
  run: (a: number, b: number) => number,
): HclFunction {
  return hclFunction(names.map(numberParameter), (left, right) => {
    const result = run(exact.toNumber(asExact(left)), exact.toNumber(asExact(right)));
    if (!Number.isFinite(result)) throw new ArgumentError(-1, "the result is no finite number");
    return number(exact.exactOf(result));
  });
}

function isSame(left: Value | undefined, right: Value | undefined): boolean {
  if (!left || !right) return false;
  const scalars = ["string", "number", "bool"];
  if (left.kind !== right.kind && scalars.includes(left.kind)) return false;
  const common = commonType([typeOf(left), typeOf(right)]);
  const one = common && convert(left, common);
  const other = common && convert(right, common);
  return one?.ok && other?.ok ? isEqual(one.value, other.value) : isEqual(left, right);
}

function rangeOf(values: readonly Value[]): Value {
  const numbers = values.map(asExact);
  const [first = exact.ZERO, second, third] = numbers;
  if (numbers.length === 0 || numbers.length > 3) {
    throw new ArgumentError(-1, "must have one, two, or three arguments");
  }
  const start = second ? first : exact.ZERO;
  const end = second ?? first;
  const isDown = exact.compare(end, start) < 0;
  const step = third ?? (isDown ? exact.negate(exact.ONE) : exact.ONE);
  const sign = exact.compare(step, exact.ZERO);
  if (sign === 0) throw new ArgumentError(2, "step must not be zero");
  if (exact.compare(end, start) !== 0 && isDown !== sign < 0) {
    const where = isDown ? "less" : "greater";
    throw new ArgumentError(
      -1,
      `end must be ${isDown ? "greater" : "less"} than start when step is ${isDown ? "positive" : "negative"}, and it is ${where}`,
    );
  }
  const items: Value[] = [];
  for (let at = start; sign > 0 ? exact.compare(at, end) < 0 : exact.compare(at, end) > 0; ) {
    if (items.length >= LARGEST_RANGE) {
      throw new ArgumentError(-1, `more than ${LARGEST_RANGE} values were generated`);
    }
    items.push(number(at));
    at = exact.add(at, step);
  }
  return list(NUMBER, items);
}

function parseInteger(value: string, base: number): Exact {
  if (base < 2 || base > 62) throw new ArgumentError(1, "base must be a whole number from 2 to 62");
  const digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  const [, sign = "", body = ""] = /^([+-]?)(.+)$/.exec(value) ?? [];
  let total = 0n;
  for (const letter of base <= 36 ? body.toLowerCase() : body) {
    const digit = digits.indexOf(letter);
    if (digit < 0 || digit >= base) {
      throw new ArgumentError(0, `cannot parse "${value}" as a base ${base} integer`);
    }
    total = total * BigInt(base) + BigInt(digit);
  }
  if (body === "") throw new ArgumentError(0, `cannot parse "${value}" as a base ${base} integer`);
  return exact.integer(sign === "-" ? -total : total);
}

export const NUMBER_FUNCTIONS: Readonly<Record<string, HclFunction>> = {
  absolute: unary("num", (one) => (exact.compare(one, exact.ZERO) < 0 ? exact.negate(one) : one)),
  add: binary(exact.add),
  ceil: unary("num", exact.ceil),
  divide: binary((left, right) => exact.divide(left, divisible(right))),
  floor: unary("num", exact.floor),
  int: unary("num", exact.truncate),
  log: floating(["num", "base"], (value, base) => Math.log(value) / Math.log(base)),
  max: extreme((order) => order > 0),
  min: extreme((order) => order < 0),
  modulo: binary((left, right) => exact.remainder(left, divisible(right))),
  multiply: binary(exact.multiply),
  negate: unary("num", exact.negate),
  parseint: hclFunction([anyParameter("number"), numberParameter("base")], (value, base) =>
    number(parseInteger(asText(value), asInteger(base, 1))),
  ),
  pow: floating(["num", "power"], (value, power) => value ** power),
  range: hclFunction([], (...values) => rangeOf(values), numberParameter("params")),
  signum: hclFunction([numberParameter("num")], (value) =>
    number(exact.integer(exact.compare(asExact(value), exact.ZERO))),
  ),
  subtract: binary(exact.subtract),
  greaterthan: comparison((order) => order > 0),
  greaterthanorequalto: comparison((order) => order >= 0),
  lessthan: comparison((order) => order < 0),
  lessthanorequalto: comparison((order) => order <= 0),
  equal: hclFunction([nullableParameter("a"), nullableParameter("b")], (left, right) =>
    bool(isSame(left, right)),
  ),
  notequal: hclFunction([nullableParameter("a"), nullableParameter("b")], (left, right) =>
    bool(!isSame(left, right)),
  ),
  and: hclFunction([boolParameter("a"), boolParameter("b")], (left, right) =>
    bool(asBool(left) && asBool(right)),
  ),
  or: hclFunction([boolParameter("a"), boolParameter("b")], (left, right) =>
    bool(asBool(left) || asBool(right)),
  ),
  not: hclFunction([boolParameter("val")], (value) => bool(!asBool(value))),
};
