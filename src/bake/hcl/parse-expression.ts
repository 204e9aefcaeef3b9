import { Cursor } from "./cursor.ts";
import { tryParseExact } from "./exact-number.ts";
import { parseHeredoc, parseQuoted, readForNames } from "./parse-template.ts";
import { DefinitionError, type SourceFile, spanOf } from "./source.ts";
import type { BinaryOperator, Expression, ObjectItem, SplatStep } from "./syntax.ts";
import { FALSE, nullOf, number, text, TRUE } from "./value.ts";

/** Operators that bind alike, loosest first. */
const PRECEDENCE: readonly (readonly BinaryOperator[])[] = [
  ["||"],
  ["&&"],
  ["==", "!="],
  ["<=", ">=", "<", ">"],
  ["+", "-"],
  ["*", "/", "%"],
];

/** Where reading of a file begins. */
export function openCursor(file: SourceFile): Cursor {
  return new Cursor(file, parseExpression);
}

/** @throws {DefinitionError} */
export function parseExpression(cursor: Cursor): Expression {
  return cursor.deeper(() => {
    cursor.skip();
    const condition = parseBinary(cursor, 0);
    cursor.skip();
    if (!cursor.take("?")) return condition;
    const whenTrue = parseExpression(cursor);
    cursor.skip();
    if (!cursor.take(":")) {
      cursor.fail("Missing false expression", `Expected : and a value, not ${cursor.next}.`);
    }
    const whenFalse = parseExpression(cursor);
    const range = spanOf(condition.range, whenFalse.range);
    return { kind: "conditional", condition, whenTrue, whenFalse, range };
  });
}

function parseBinary(cursor: Cursor, level: number): Expression {
  const operators = PRECEDENCE[level];
  if (!operators) return parseUnary(cursor);
  let left = parseBinary(cursor, level + 1);
  for (;;) {
    cursor.skip();
    const operator = operators.find((one) => cursor.peek(one.length) === one);
    // `...` and `=>` are not of the expression
    if (operator === undefined || (operator === "%" && cursor.peek(2) === "%{")) return left;
    cursor.at += operator.length;
    cursor.skip();
    const right = parseBinary(cursor, level + 1);
    left = { kind: "binary", operator, left, right, range: spanOf(left.range, right.range) };
  }
}

function parseUnary(cursor: Cursor): Expression {
  const start = cursor.at;
  const operator = cursor.peek();
  if (operator === "-" || (operator === "!" && cursor.peek(2) !== "!=")) {
    cursor.at++;
    cursor.skip();
    const operand = cursor.deeper(() => parseUnary(cursor));
    return { kind: "unary", operator, operand, range: cursor.rangeFrom(start) };
  }
  return parsePostfix(cursor, parsePrimary(cursor));
}

function parsePostfix(cursor: Cursor, primary: Expression): Expression {
  let of = primary;
  const start = primary.range.start;
  for (;;) {
    if (cursor.peek() === "." && cursor.peek(3) !== "...") {
      cursor.at++;
      if (cursor.take("*")) {
        const steps = readSplatSteps(cursor, false);
        of = { kind: "splat", of, steps, range: cursor.rangeFrom(start) };
        continue;
      }
      const stepAt = cursor.at;
      const name = cursor.takeName();
      if (name !== undefined) {
        of = { kind: "attribute", of, name, range: cursor.rangeFrom(start) };
        continue;
      }
      const key = takeLegacyIndex(cursor, stepAt);
      of = { kind: "index", of, key, range: cursor.rangeFrom(start) };
    } else if (cursor.peek() === "[") {
      if (cursor.take("[*]")) {
        const steps = readSplatSteps(cursor, true);
        of = { kind: "splat", of, steps, range: cursor.rangeFrom(start) };
        continue;
      }
      const key = takeIndex(cursor);
      of = { kind: "index", of, key, range: cursor.rangeFrom(start) };
    } else return of;
  }
}

function takeIndex(cursor: Cursor): Expression {
  cursor.at++;
  return cursor.bracketed(() => {
    const key = parseExpression(cursor);
    cursor.skip();
    if (!cursor.take("]")) cursor.fail("Missing ]", `Expected ] here, not ${cursor.next}.`);
    return key;
  });
}

/** `list.0`. */
function takeLegacyIndex(cursor: Cursor, start: number): Expression {
  const digits = /\d+/y;
  digits.lastIndex = start;
  const found = digits.exec(cursor.file.text)?.[0];
  const value = found === undefined ? undefined : tryParseExact(found);
  if (found === undefined || !value) {
    return cursor.fail("Invalid attribute name", `Expected a name behind the dot.`);
  }
  cursor.at += found.length;
  return { kind: "literal", value: number(value), range: cursor.rangeFrom(start) };
}

function readSplatSteps(cursor: Cursor, isFull: boolean): readonly SplatStep[] {
  const steps: SplatStep[] = [];
  for (;;) {
    const start = cursor.at;
    if (cursor.peek() === "." && cursor.peek(3) !== "..." && cursor.peek(2) !== ".*") {
      cursor.at++;
      const name = cursor.takeName();
      if (name !== undefined) {
        steps.push({ kind: "attribute", name, range: cursor.rangeFrom(start) });
        continue;
      }
      const key = takeLegacyIndex(cursor, cursor.at);
      steps.push({ kind: "index", key, range: cursor.rangeFrom(start) });
    } else if (isFull && cursor.peek() === "[" && cursor.peek(3) !== "[*]") {
      const key = takeIndex(cursor);
      steps.push({ kind: "index", key, range: cursor.rangeFrom(start) });
    } else return steps;
  }
}

function parsePrimary(cursor: Cursor): Expression {
  const start = cursor.at;
  const character = cursor.peek();
  if (character === '"') return parseQuoted(cursor);
  if (cursor.peek(2) === "<<") return parseHeredoc(cursor);
  if (/\d/.test(character)) return parseNumber(cursor);
  if (character === "(") {
    cursor.at++;
    return cursor.bracketed(() => {
      const inner = parseExpression(cursor);
      cursor.skip();
      if (!cursor.take(")")) cursor.fail("Unbalanced parentheses", `Expected ) here.`);
      return { ...inner, range: cursor.rangeFrom(start) };
    });
  }
  if (character === "[") return parseTuple(cursor);
  if (character === "{") return parseObject(cursor);
  const name = cursor.takeName();
  if (name === undefined) {
    cursor.fail("Invalid expression", `Expected the start of an expression, not ${cursor.next}.`);
  }
  const range = cursor.rangeFrom(start);
  if (name === "true") return { kind: "literal", value: TRUE, range };
  if (name === "false") return { kind: "literal", value: FALSE, range };
  if (name === "null") return { kind: "literal", value: nullOf(), range };
  if (cursor.peek() === "(") return parseCall(cursor, name, start);
  return { kind: "variable", name, range };
}

function parseNumber(cursor: Cursor): Expression {
  const start = cursor.at;
  const digits = /\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
  digits.lastIndex = start;
  const found = digits.exec(cursor.file.text)?.[0] ?? "";
  const value = tryParseExact(found);
  if (!value) return cursor.fail("Invalid number", `${found} is too large.`);
  cursor.at += found.length;
  return { kind: "literal", value: number(value), range: cursor.rangeFrom(start) };
}

function parseCall(cursor: Cursor, name: string, start: number): Expression {
  const nameRange = cursor.rangeFrom(start);
  cursor.at++;
  return cursor.bracketed(() => {
    const args: Expression[] = [];
    let expandsLast = false;
    for (;;) {
      cursor.skip();
      if (cursor.take(")")) break;
      args.push(parseExpression(cursor));
      cursor.skip();
      if (cursor.take("...")) {
        expandsLast = true;
        cursor.skip();
        cursor.take(",");
        cursor.skip();
        if (cursor.take(")")) break;
        cursor.fail("Missing )", "An argument with ... is the last one.");
      }
      if (cursor.take(",")) continue;
      cursor.skip();
      if (cursor.take(")")) break;
      cursor.fail("Missing argument separator", `Expected , or ), not ${cursor.next}.`);
    }
    return { kind: "call", name, nameRange, args, expandsLast, range: cursor.rangeFrom(start) };
  });
}

function parseTuple(cursor: Cursor): Expression {
  const start = cursor.at;
  cursor.at++;
  return cursor.bracketed(() => {
    cursor.skip();
    const loop = tryParseFor(cursor, start, "]");
    if (loop) return loop;
    const items: Expression[] = [];
    for (;;) {
      cursor.skip();
      if (cursor.take("]")) break;
      items.push(parseExpression(cursor));
      cursor.skip();
      if (cursor.take(",")) continue;
      if (cursor.take("]")) break;
      cursor.fail("Missing item separator", `Expected , or ], not ${cursor.next}.`);
    }
    return { kind: "tuple", items, range: cursor.rangeFrom(start) };
  });
}

function parseObject(cursor: Cursor): Expression {
  const start = cursor.at;
  cursor.at++;
  cursor.skipLines();
  const loop = cursor.bracketed(() => tryParseFor(cursor, start, "}"));
  if (loop) return loop;
  return cursor.unbracketed(() => {
    const items: ObjectItem[] = [];
    for (;;) {
      cursor.skipLines();
      if (cursor.take("}")) break;
      items.push(parseItem(cursor));
      cursor.skip();
      if (cursor.take(",") || cursor.peek() === "\n") continue;
      if (cursor.take("}")) break;
      cursor.fail("Missing attribute separator", `Expected a comma or a new line here.`);
    }
    return { kind: "object", items, range: cursor.rangeFrom(start) };
  });
}

function parseItem(cursor: Cursor): ObjectItem {
  const read = parseExpression(cursor);
  const isBare = read.kind === "variable" && cursor.file.text[read.range.start] !== "(";
  const key: Expression = isBare
    ? { kind: "literal", value: text(read.name), range: read.range }
    : read;
  if (key.kind === "attribute" && cursor.file.text[key.range.start] !== "(") {
    throw new DefinitionError(
      key.range,
      "Ambiguous attribute key",
      "Put it in quotes, or in parentheses where a value is meant.",
    );
  }
  cursor.skip();
  if (cursor.peek(2) === "==" || !(cursor.take("=") || cursor.take(":"))) {
    cursor.fail("Missing attribute value", `Expected = and a value, not ${cursor.next}.`);
  }
  cursor.skip();
  if (cursor.peek() === "\n") cursor.fail("Missing attribute value", "Expected a value behind =.");
  return { key, value: parseExpression(cursor) };
}

/** `for x in list : value`, where that is next. */
function tryParseFor(cursor: Cursor, start: number, end: "]" | "}"): Expression | undefined {
  const before = cursor.at;
  if (cursor.takeName() !== "for" || !/[ \t\r\n]/.test(cursor.peek())) {
    cursor.at = before;
    return undefined;
  }
  const { keyName, valueName } = readForNames(cursor);
  const collection = parseExpression(cursor);
  cursor.skip();
  if (!cursor.take(":")) cursor.fail("Invalid for", `Expected : here, not ${cursor.next}.`);
  let value = parseExpression(cursor);
  cursor.skip();
  let key: Expression | undefined;
  if (cursor.take("=>")) {
    key = value;
    value = parseExpression(cursor);
    cursor.skip();
  }
  const groups = cursor.take("...");
  cursor.skip();
  const ifAt = cursor.at;
  let condition: Expression | undefined;
  if (cursor.takeName() === "if") condition = parseExpression(cursor);
  else cursor.at = ifAt;
  cursor.skip();
  const isObject = end === "}";
  if (isObject !== (key !== undefined) || (groups && !isObject)) {
    cursor.fail("Invalid for", isObject ? "An object needs key => value." : "A tuple has no keys.");
  }
  if (!cursor.take(end)) cursor.fail("Invalid for", `Expected ${end} here, not ${cursor.next}.`);
  const range = cursor.rangeFrom(start);
  return { kind: "for", keyName, valueName, collection, key, value, groups, condition, range };
}
