import { nearestWord } from "#base/nearest.ts";
import { commonType, convert, textOf } from "./convert.ts";
import * as exact from "./exact-number.ts";
import type { Scope } from "./scope.ts";
import { DefinitionError, type SourceRange } from "./source.ts";
import type { BinaryOperator, Expression, ForExpression, TemplatePart } from "./syntax.ts";
import {
  bool,
  hasEntries,
  isEqual,
  isSequence,
  list,
  number,
  NUMBER,
  nullOf,
  object,
  text,
  tuple,
  type Type,
  typeName,
  typeOf,
  BOOL,
  type Value,
} from "./value.ts";

/** Elements that loops may make in all, for one expression: more is a mistake or an attack. */
const MAX_ELEMENTS = 100_000;

/** @throws {DefinitionError} At the place that cannot be evaluated. */
export function evaluate(expression: Expression, scope: Scope): Value {
  switch (expression.kind) {
    case "literal":
      return expression.value;
    case "template":
      return text(expandParts(expression.parts, scope, expression.range));
    case "variable":
      return variableOf(expression, scope);
    case "attribute": {
      const referred = referredOf(expression, scope);
      if (referred) return referred;
      return attributeOf(evaluate(expression.of, scope), expression.name, expression.range);
    }
    case "index":
      return elementOf(
        evaluate(expression.of, scope),
        evaluate(expression.key, scope),
        expression.range,
      );
    case "splat":
      return splatOf(expression, scope);
    case "call":
      return callOf(expression, scope);
    case "unary":
      return unaryOf(expression, scope);
    case "binary":
      return binaryOf(expression, scope);
    case "conditional":
      return conditionalOf(expression, scope);
    case "tuple":
      return tuple(expression.items.map((item) => evaluate(item, scope)));
    case "object":
      return object(
        expression.items.map(({ key, value }) => [keyOf(key, scope), evaluate(value, scope)]),
      );
    case "for":
      return loopOf(expression, scope);
  }
}

function variableOf(
  { name, range }: Extract<Expression, { kind: "variable" }>,
  scope: Scope,
): Value {
  const found = scope.variable(name, range);
  if (found) return found;
  const whole = scope.reference?.(name, [], range);
  if (whole) return whole.value;
  const near = nearestWord(name, scope.variableNames());
  throw new DefinitionError(
    range,
    "Unknown variable",
    `There is no variable named "${name}".${near === undefined ? "" : ` Did you mean "${near}"?`}`,
  );
}

/** `a.b.c` where `a` stands for blocks: these are evaluated by need. */
function referredOf(expression: Expression, scope: Scope): Value | undefined {
  const path: string[] = [];
  let at = expression;
  while (at.kind === "attribute") {
    path.unshift(at.name);
    at = at.of;
  }
  if (at.kind !== "variable" || scope.variable(at.name, at.range)) return undefined;
  const referred = scope.reference?.(at.name, path, expression.range);
  if (!referred) return undefined;
  return path
    .slice(referred.length)
    .reduce((value, name) => attributeOf(value, name, expression.range), referred.value);
}

function attributeOf(value: Value, name: string, range: SourceRange): Value {
  if (value.kind === "null") {
    throw new DefinitionError(
      range,
      "Attempt to get attribute from null value",
      `This value is null, so it has no attribute "${name}".`,
    );
  }
  if (!hasEntries(value)) {
    throw new DefinitionError(
      range,
      "Unsupported attribute",
      `This value is a ${typeName(typeOf(value))}: it has no attribute "${name}".`,
    );
  }
  const found = value.entries.get(name);
  if (found) return found;
  const near = nearestWord(name, [...value.entries.keys()]);
  throw new DefinitionError(
    range,
    value.kind === "map" ? "Missing map element" : "Unsupported attribute",
    `This ${value.kind} has no ${value.kind === "map" ? "element" : "attribute"} "${name}".${
      near === undefined ? "" : ` Did you mean "${near}"?`
    }`,
  );
}

function elementOf(value: Value, key: Value, range: SourceRange): Value {
  if (hasEntries(value)) {
    const name = textOf(key);
    if (name === undefined)
      throw new DefinitionError(range, "Invalid index", "A text is required.");
    return attributeOf(value, name, range);
  }
  if (value.kind === "list" || value.kind === "tuple") {
    const wanted = convert(key, NUMBER);
    if (!wanted.ok || wanted.value.kind !== "number" || !exact.isInteger(wanted.value.value)) {
      throw new DefinitionError(range, "Invalid index", "A whole number is required.");
    }
    const found = value.items[exact.toNumber(wanted.value.value)];
    if (found) return found;
    const { length } = value.items;
    throw new DefinitionError(
      range,
      "Invalid index",
      `There is no element ${textOf(wanted.value) ?? ""}: there are ${length}, counted from 0.`,
    );
  }
  const what = value.kind === "null" ? "null" : `a ${typeName(typeOf(value))}`;
  throw new DefinitionError(range, "Invalid index", `This value is ${what}: it has no elements.`);
}

function splatOf(
  { of, steps, range }: Extract<Expression, { kind: "splat" }>,
  scope: Scope,
): Value {
  const value = evaluate(of, scope);
  if (value.kind === "null") return tuple([]);
  const items = isSequence(value) ? value.items : [value];
  const taken = items.map((item) =>
    steps.reduce<Value>(
      (at, step) =>
        step.kind === "attribute"
          ? attributeOf(at, step.name, step.range)
          : elementOf(at, evaluate(step.key, scope), range),
      item,
    ),
  );
  if (value.kind !== "list" && value.kind !== "set") return tuple(taken);
  const common = commonType(taken.map(typeOf));
  return common ? list(common, taken) : tuple(taken);
}

function callOf(
  { name, nameRange, args, expandsLast, range }: Extract<Expression, { kind: "call" }>,
  scope: Scope,
): Value {
  const found = scope.function(name, nameRange);
  if (!found) {
    const near = nearestWord(name, scope.functionNames());
    throw new DefinitionError(
      nameRange,
      "Call to unknown function",
      `There is no function named "${name}".${near === undefined ? "" : ` Did you mean "${near}"?`}`,
    );
  }
  if (found.lazy) return found.lazy(args, scope, range);
  const values = args.map((arg) => evaluate(arg, scope));
  const ranges = args.map((arg) => arg.range);
  if (expandsLast) {
    const last = values.pop();
    const lastRange = ranges.pop() ?? range;
    if (!last || !isSequence(last)) {
      throw new DefinitionError(lastRange, "Invalid expanding argument", "A list is required.");
    }
    values.push(...last.items);
    ranges.push(...last.items.map(() => lastRange));
  }
  return found.call({ name, values, ranges, range });
}

function unaryOf(
  { operator, operand, range }: Extract<Expression, { kind: "unary" }>,
  scope: Scope,
): Value {
  const value = operandOf(evaluate(operand, scope), operator === "-" ? NUMBER : BOOL, range);
  if (value.kind === "number") return number(exact.negate(value.value));
  return bool(value.kind === "bool" && !value.value);
}

function operandOf(value: Value, type: Type, range: SourceRange): Value {
  const made = convert(value, type);
  const isNull = value.kind === "null";
  if (made.ok && !isNull) return made.value;
  const why = made.ok || isNull ? "it is null" : made.reason;
  throw new DefinitionError(range, "Invalid operand", `Unsuitable value for the operator: ${why}.`);
}

function binaryOf(
  { operator, left, right, range }: Extract<Expression, { kind: "binary" }>,
  scope: Scope,
): Value {
  const first = evaluate(left, scope);
  const second = evaluate(right, scope);
  if (operator === "==") return bool(isAlike(first, second));
  if (operator === "!=") return bool(!isAlike(first, second));
  if (operator === "&&" || operator === "||") {
    const one = operandOf(first, BOOL, left.range);
    const other = operandOf(second, BOOL, right.range);
    const [a, b] = [one.kind === "bool" && one.value, other.kind === "bool" && other.value];
    return bool(operator === "&&" ? a && b : a || b);
  }
  const one = operandOf(first, NUMBER, left.range);
  const other = operandOf(second, NUMBER, right.range);
  if (one.kind !== "number" || other.kind !== "number") return nullOf(NUMBER);
  return arithmetic(operator, one.value, other.value, range);
}

/** As `==` has it: a number does not equal its text. */
function isAlike(left: Value, right: Value): boolean {
  const common = commonType([typeOf(left), typeOf(right)]);
  const scalars = ["string", "number", "bool"];
  if (!common || (scalars.includes(left.kind) && left.kind !== right.kind)) {
    return isEqual(left, right);
  }
  const one = convert(left, common);
  const other = convert(right, common);
  return one.ok && other.ok ? isEqual(one.value, other.value) : false;
}

function arithmetic(
  operator: Exclude<BinaryOperator, "==" | "!=" | "&&" | "||">,
  left: exact.ExactNumber,
  right: exact.ExactNumber,
  range: SourceRange,
): Value {
  const order = exact.compare(left, right);
  switch (operator) {
    case "<":
      return bool(order < 0);
    case "<=":
      return bool(order <= 0);
    case ">":
      return bool(order > 0);
    case ">=":
      return bool(order >= 0);
    case "+":
      return number(exact.add(left, right));
    case "-":
      return number(exact.subtract(left, right));
    case "*":
      return number(exact.multiply(left, right));
    case "/":
    case "%":
      if (right.numerator === 0n) {
        throw new DefinitionError(range, "Division by zero", "The right side is 0.");
      }
      return number((operator === "/" ? exact.divide : exact.remainder)(left, right));
  }
}

function conditionalOf(
  { condition, whenTrue, whenFalse, range }: Extract<Expression, { kind: "conditional" }>,
  scope: Scope,
): Value {
  const chosen = conditionOf(condition, scope);
  const first = evaluate(whenTrue, scope);
  const second = evaluate(whenFalse, scope);
  const common = commonType([typeOf(first), typeOf(second)]);
  const result = chosen ? first : second;
  const made = common && convert(result, common);
  if (made?.ok) return made.value;
  throw new DefinitionError(
    range,
    "Inconsistent conditional result types",
    `One side is a ${typeName(typeOf(first))}, the other a ${typeName(typeOf(second))}.`,
  );
}

function conditionOf(condition: Expression, scope: Scope): boolean {
  const value = evaluate(condition, scope);
  const made = convert(value, BOOL);
  if (made.ok && made.value.kind === "bool") return made.value.value;
  const why = made.ok ? "The condition is null." : `The condition is not a bool: ${made.reason}.`;
  throw new DefinitionError(condition.range, "Incorrect condition type", why);
}

function keyOf(key: Expression, scope: Scope): string {
  const name = textOf(evaluate(key, scope));
  if (name !== undefined) return name;
  throw new DefinitionError(key.range, "Incorrect key type", "The key of an object is a text.");
}

/** The elements of a collection with their keys. */
function elementsOf(collection: Expression, scope: Scope): readonly (readonly [Value, Value])[] {
  const value = evaluate(collection, scope);
  if (value.kind === "set") return value.items.map((item) => [item, item]);
  if (isSequence(value)) {
    return value.items.map((item, index) => [number(exact.integer(index)), item]);
  }
  if (hasEntries(value)) return [...value.entries].map(([name, one]) => [text(name), one]);
  const what = value.kind === "null" ? "null" : `a ${typeName(typeOf(value))}`;
  throw new DefinitionError(
    collection.range,
    "Iteration over non-iterable value",
    `This is ${what}: a list, set, map or object is needed.`,
  );
}

function within(scope: Scope, names: Readonly<Record<string, Value>>): Scope {
  return {
    ...scope,
    variable: (name, range) =>
      Object.hasOwn(names, name) ? names[name] : scope.variable(name, range),
    variableNames: () => [...Object.keys(names), ...scope.variableNames()],
  };
}

function eachElement(
  loop: Pick<ForExpression, "keyName" | "valueName" | "collection">,
  scope: Scope,
  work: (scope: Scope) => void,
): void {
  const elements = elementsOf(loop.collection, scope);
  if (elements.length > MAX_ELEMENTS) {
    throw new DefinitionError(
      loop.collection.range,
      "Too many elements",
      `A loop may have ${MAX_ELEMENTS}.`,
    );
  }
  for (const [key, value] of elements) {
    const names = loop.keyName === undefined ? {} : { [loop.keyName]: key };
    work(within(scope, { ...names, [loop.valueName]: value }));
  }
}

function loopOf(loop: Extract<Expression, { kind: "for" }>, scope: Scope): Value {
  const items: Value[] = [];
  const entries = new Map<string, Value[]>();
  eachElement(loop, scope, (inner) => {
    if (loop.condition && !conditionOf(loop.condition, inner)) return;
    const value = evaluate(loop.value, inner);
    if (!loop.key) {
      items.push(value);
      return;
    }
    const key = keyOf(loop.key, inner);
    const others = entries.get(key);
    if (others && !loop.groups) {
      throw new DefinitionError(
        loop.key.range,
        "Duplicate object key",
        `Two elements have the key "${key}"; with ... behind the value they would be grouped.`,
      );
    }
    entries.set(key, [...(others ?? []), value]);
  });
  if (!loop.key) return tuple(items);
  return object(
    [...entries].map(([key, values]) => [
      key,
      loop.groups ? tuple(values) : (values[0] ?? nullOf()),
    ]),
  );
}

function expandParts(parts: readonly TemplatePart[], scope: Scope, range: SourceRange): string {
  return parts.map((part) => expandPart(part, scope, range)).join("");
}

function expandPart(part: TemplatePart, scope: Scope, range: SourceRange): string {
  switch (part.kind) {
    case "text":
      return part.text;
    case "interpolation": {
      const value = evaluate(part.expression, scope);
      const found = textOf(value);
      if (found !== undefined) return found;
      const what = value.kind === "null" ? "null" : `a ${typeName(typeOf(value))}`;
      throw new DefinitionError(
        part.expression.range,
        "Invalid template interpolation value",
        `This is ${what}: a text cannot have it within.`,
      );
    }
    case "if": {
      const chosen = conditionOf(part.condition, scope) ? part.whenTrue : part.whenFalse;
      return expandParts(chosen, scope, range);
    }
    case "for": {
      const rows: string[] = [];
      eachElement(part, scope, (inner) => rows.push(expandParts(part.parts, inner, range)));
      return rows.join("");
    }
  }
}
