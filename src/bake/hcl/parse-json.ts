import { tryParseExact } from "./exact-number.ts";
import { parseExpression } from "./parse-expression.ts";
import { parseTemplateText } from "./parse-template.ts";
import { DefinitionError, type SourceFile, type SourceRange } from "./source.ts";
import type { Attribute, Block, Body, Expression } from "./syntax.ts";
import { bool, nullOf, number } from "./value.ts";

/** A JSON value with its place. */
type JsonNode = { readonly range: SourceRange } & (
  | { readonly kind: "object"; readonly members: readonly JsonMember[] }
  | { readonly kind: "array"; readonly items: readonly JsonNode[] }
  | { readonly kind: "string"; readonly text: string }
  | { readonly kind: "number"; readonly text: string }
  | { readonly kind: "word"; readonly word: "true" | "false" | "null" }
);

interface JsonMember {
  readonly name: string;
  readonly nameRange: SourceRange;
  readonly value: JsonNode;
}

/** Blocks of a body by type: how many labels each has, and the blocks in it. */
export type BlockSchema = ReadonlyMap<
  string,
  { readonly labels: number; readonly inner: BlockSchema }
>;

const MAX_DEPTH = 200;

/**
 * HCL's JSON form: strings are templates, and which objects are blocks is said by the schema.
 *
 * @throws {DefinitionError} It is no JSON, or no object.
 */
export function parseJson(file: SourceFile, schema: BlockSchema): Body {
  const reader = new JsonReader(file);
  const root = reader.whole();
  return bodyOf(root, schema);
}

class JsonReader {
  readonly #file: SourceFile;
  #at = 0;

  constructor(file: SourceFile) {
    this.#file = file;
  }

  whole(): JsonNode {
    const node = this.#value(0);
    this.#space();
    if (this.#at < this.#file.text.length) this.#fail("Nothing may follow the value.");
    return node;
  }

  #value(depth: number): JsonNode {
    if (depth > MAX_DEPTH) this.#fail(`Values may be ${MAX_DEPTH} deep.`);
    this.#space();
    const start = this.#at;
    const { text } = this.#file;
    const character = text[start];
    if (character === "{") return this.#object(depth);
    if (character === "[") return this.#array(depth);
    if (character === '"') return this.#string();
    const scalar = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
    scalar.lastIndex = start;
    const found = scalar.exec(text)?.[0];
    if (found === undefined) return this.#fail("Expected a JSON value.");
    this.#at += found.length;
    const range = this.#from(start);
    if (found === "true" || found === "false" || found === "null") {
      return { kind: "word", word: found, range };
    }
    return { kind: "number", text: found, range };
  }

  #object(depth: number): JsonNode {
    const start = this.#at++;
    const members: JsonMember[] = [];
    for (;;) {
      this.#space();
      if (this.#take("}")) break;
      if (this.#file.text[this.#at] !== '"') this.#fail("Expected a property in quotes, or }.");
      const name = this.#string();
      this.#space();
      if (!this.#take(":")) this.#fail("Expected : behind the property's name.");
      const value = this.#value(depth + 1);
      members.push({ name: name.text, nameRange: name.range, value });
      this.#space();
      if (this.#take(",")) continue;
      if (this.#take("}")) break;
      this.#fail("Expected a comma or }.");
    }
    return { kind: "object", members, range: this.#from(start) };
  }

  #array(depth: number): JsonNode {
    const start = this.#at++;
    const items: JsonNode[] = [];
    for (;;) {
      this.#space();
      if (this.#take("]")) break;
      items.push(this.#value(depth + 1));
      this.#space();
      if (this.#take(",")) continue;
      if (this.#take("]")) break;
      this.#fail("Expected a comma or ].");
    }
    return { kind: "array", items, range: this.#from(start) };
  }

  #string(): Extract<JsonNode, { kind: "string" }> {
    const start = this.#at;
    const whole = /"(?:[^"\\\u0000-\u001f]|\\.)*"/y;
    whole.lastIndex = start;
    const found = whole.exec(this.#file.text)?.[0];
    if (found === undefined) return this.#fail("This string has no end on its line.");
    this.#at += found.length;
    try {
      return { kind: "string", text: String(JSON.parse(found)), range: this.#from(start) };
    } catch {
      this.#at = start;
      return this.#fail("This string has an escape that there is not.");
    }
  }

  #space(): void {
    while (/[ \t\r\n]/.test(this.#file.text[this.#at] ?? "")) this.#at++;
  }

  #take(character: string): boolean {
    if (this.#file.text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #from(start: number): SourceRange {
    return { file: this.#file, start, end: this.#at };
  }

  #fail(detail: string): never {
    const end = Math.min(this.#at + 1, this.#file.text.length);
    const range = { file: this.#file, start: this.#at, end };
    throw new DefinitionError(range, "Invalid JSON", detail);
  }
}

function bodyOf(node: JsonNode, schema: BlockSchema): Body {
  const attributes: Attribute[] = [];
  const blocks: Block[] = [];
  for (const one of objectsOf(node)) {
    for (const { name, nameRange, value } of one.members) {
      const block = schema.get(name);
      if (name === "//") continue; // a comment
      if (block) blocks.push(...blocksOf({ name, nameRange, value }, block, value, []));
      else attributes.push({ name, nameRange, expression: expressionOf(value) });
    }
  }
  return { attributes, blocks };
}

/** One object, or a list of them. */
function objectsOf(node: JsonNode): readonly Extract<JsonNode, { kind: "object" }>[] {
  if (node.kind === "object") return [node];
  if (node.kind === "array") return node.items.flatMap(objectsOf);
  throw new DefinitionError(node.range, "Incorrect JSON value type", "A JSON object is required.");
}

function blocksOf(
  member: JsonMember,
  block: { readonly labels: number; readonly inner: BlockSchema },
  node: JsonNode,
  labels: Block["labels"],
): readonly Block[] {
  if (labels.length === block.labels) {
    if (node.kind === "word" && node.word === "null") return [];
    return objectsOf(node).map((one) => ({
      type: member.name,
      typeRange: member.nameRange,
      labels,
      body: bodyOf(one, block.inner),
    }));
  }
  return objectsOf(node).flatMap(({ members }) =>
    members.flatMap(({ name, nameRange, value }) =>
      blocksOf(member, block, value, [...labels, { text: name, range: nameRange }]),
    ),
  );
}

function expressionOf(node: JsonNode): Expression {
  const { range } = node;
  switch (node.kind) {
    case "string":
      return parseTemplateText(node.text, range, parseExpression);
    case "number": {
      const value = tryParseExact(node.text.replace(/^-/, ""));
      if (!value) throw new DefinitionError(range, "Invalid number", `${node.text} is too large.`);
      const sign = node.text.startsWith("-") ? -1n : 1n;
      return {
        kind: "literal",
        value: number({ ...value, numerator: value.numerator * sign }),
        range,
      };
    }
    case "word":
      return {
        kind: "literal",
        value: node.word === "null" ? nullOf() : bool(node.word === "true"),
        range,
      };
    case "array":
      return { kind: "tuple", items: node.items.map(expressionOf), range };
    case "object":
      return {
        kind: "object",
        items: node.members.map(({ name, nameRange, value }) => ({
          key: parseTemplateText(name, nameRange, parseExpression),
          value: expressionOf(value),
        })),
        range,
      };
  }
}
