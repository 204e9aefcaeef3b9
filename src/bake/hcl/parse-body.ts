import type { Cursor } from "./cursor.ts";
import { openCursor, parseExpression } from "./parse-expression.ts";
import { DefinitionError, positionOf, type SourceFile } from "./source.ts";
import type { Attribute, Block, Body } from "./syntax.ts";

/** @throws {DefinitionError} It is no HCL. */
export function parseHcl(file: SourceFile): Body {
  const cursor = openCursor(file);
  if (cursor.peek() === "\uFEFF") cursor.at++;
  return readBody(cursor, undefined);
}

function readBody(cursor: Cursor, closing: "}" | undefined): Body {
  const attributes: Attribute[] = [];
  const blocks: Block[] = [];
  for (;;) {
    cursor.skipLines();
    if (closing === undefined && cursor.isAtEnd) break;
    if (closing !== undefined && cursor.take(closing)) break;
    const item = readItem(cursor);
    if ("body" in item) blocks.push(item);
    else addAttribute(attributes, item);
    cursor.skip();
    if (cursor.isAtEnd || cursor.peek() === "\n") continue;
    if (closing !== undefined && cursor.peek() === closing) continue;
    cursor.fail("Missing newline", `Expected a new line here, not ${cursor.next}.`);
  }
  return { attributes, blocks };
}

function addAttribute(attributes: Attribute[], attribute: Attribute): void {
  const before = attributes.find(({ name }) => name === attribute.name);
  if (before) {
    const { line } = positionOf(before.nameRange.file.text, before.nameRange.start);
    throw new DefinitionError(
      attribute.nameRange,
      "Attribute redefined",
      `The argument "${attribute.name}" was already set in line ${line}.`,
    );
  }
  attributes.push(attribute);
}

function readItem(cursor: Cursor): Attribute | Block {
  const start = cursor.at;
  const name = cursor.takeName();
  if (name === undefined) {
    cursor.fail("Invalid item", `Expected an argument or a block, not ${cursor.next}.`);
  }
  const nameRange = cursor.rangeFrom(start);
  cursor.skip();
  if (cursor.peek(2) !== "==" && cursor.take("=")) {
    cursor.skip();
    if (cursor.peek() === "\n" || cursor.isAtEnd) {
      cursor.fail("Invalid expression", `Expected a value for "${name}" on this line.`);
    }
    return { name, nameRange, expression: parseExpression(cursor) };
  }
  const labels: Block["labels"][number][] = [];
  for (;;) {
    cursor.skip();
    if (cursor.take("{")) break;
    const labelStart = cursor.at;
    if (cursor.peek() === '"') {
      const label = parseExpression(cursor);
      if (label.kind !== "literal" || label.value.kind !== "string") {
        throw new DefinitionError(label.range, "Invalid label", "A label is a text as it stands.");
      }
      labels.push({ text: label.value.value, range: label.range });
      continue;
    }
    const bare = cursor.takeName();
    if (bare === undefined) {
      cursor.fail("Invalid block", `Expected = or { behind "${name}", not ${cursor.next}.`);
    }
    labels.push({ text: bare, range: cursor.rangeFrom(labelStart) });
  }
  const body = cursor.deeper(() => readBody(cursor, "}"));
  return { type: name, typeRange: nameRange, labels, body };
}
