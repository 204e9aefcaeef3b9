import { expect, test } from "bun:test";
import { readDefinition } from "./definition/read-definition.ts";
import { DefinitionError, excerptOf } from "./hcl/source.ts";
import expressions from "./testdata/expressions.json" with { type: "json" };

function argumentOf(text: string): string | undefined {
  const { targets } = readDefinition({
    files: [{ name: "docker-bake.hcl", text }],
    builtIn: new Map(),
    environment: () => undefined,
    base: { targets: [], groups: [] },
  });
  return targets[0]?.fields.args?.["E"];
}

function problemOf(text: string): DefinitionError {
  try {
    argumentOf(text);
  } catch (error) {
    if (error instanceof DefinitionError) return error;
    throw error;
  }
  throw new Error(`nothing is wrong with ${text}`);
}

for (const [expression, value] of expressions) {
  test(`${expression} is what buildx makes of it`, () => {
    const made = argumentOf(`target "x" {\n  args = {\n    E = ${expression}\n  }\n}\n`);
    expect(made ?? null).toBe(value ?? null);
  });
}

const problems: readonly (readonly [string, string])[] = [
  [
    "target x {\n  tag = []\n}",
    '2:3: Unsupported argument: An argument named "tag" is not expected here. Did you mean "tags"?',
  ],
  [
    'variable "TAG" {\n}\ntarget "x" {\n  tags = [TGA]\n}',
    '4:11: Unknown variable: There is no variable named "TGA". Did you mean "TAG"?',
  ],
  [
    'target "x" {\n  tags = [uper("a")]\n}',
    '2:11: Call to unknown function: There is no function named "uper". Did you mean "upper"?',
  ],
  [
    'targt "x" {\n}',
    '1:1: Unsupported block type: Blocks of type "targt" are not expected here. Did you mean "target"?',
  ],
  ['target "x" {\n  tags = ["a"\n}', '3:1: Missing item separator: Expected , or ], not "}".'],
  [
    'target "x" {\n  dockerfile = "a\n}',
    "2:16: Unterminated string: A string ends with a quote on the line where it begins.",
  ],
  [
    'target "x" {\n  tags = "a"\n}',
    '2:10: Unsuitable value type: Unsuitable value for "tags": list of string required.',
  ],
  [
    'target "x" {\n  tags = []\n  tags = []\n}',
    '3:3: Attribute redefined: The argument "tags" was already set in line 2.',
  ],
  ["a = b\nb = a\n", "2:5: Invalid expression: Variable cycle not allowed for a."],
  [
    'function "f" {\n  params = []\n  result = g()\n}\nfunction "g" {\n  params = []\n  result = f()\n}',
    "7:12: Invalid expression: Function cycle not allowed for f.",
  ],
  [
    'target "a" {\n  tags = target.b.tags\n}\ntarget "b" {\n  tags = target.a.tags\n}',
    "2:10: Invalid expression: Reference cycle not allowed for target.a.tags.",
  ],
  [
    'variable "X" {\n  default = "a"\n  validation {\n    condition = X == "b"\n    error_message = "X is ${X}"\n  }\n}',
    "4:17: Validation failed: X is a",
  ],
  [
    'variable "X" {\n  type = lst(string)\n}',
    '2:10: Invalid type specification: There is no type "lst". Did you mean "list"?',
  ],
  [
    'variable "X" {\n  type = number\n  default = "a"\n}',
    "3:13: Invalid value: The default of X is no number: a number is required.",
  ],
  ['target "x" {\n  name = "y"\n}', "2:3: Invalid name: name requires matrix."],
  [
    'target "x" {\n  name = "same"\n  matrix = { v = ["a", "b"] }\n}',
    '2:10: Invalid name: Duplicate name "same": the name has to differ for each combination of the matrix.',
  ],
  ['target "a b" {\n}', '1:8: Invalid name: Only "[a-zA-Z0-9_-]+" are allowed.'],
  [
    'target "x" {\n  cache-to = ["type"]\n  cache-from = ["a=b"]\n}',
    '3:16: Unsuitable value type: Unsuitable value for "cache-from": type required for "a=b".',
  ],
  [
    'group "g" {\n}',
    '1:7: Missing required argument: The argument "targets" is required, but no definition was found.',
  ],
  ["x = 1 / 0", "1:5: Division by zero: The right side is 0."],
  ["x = [1, 2][5]", "1:5: Invalid index: There is no element 5: there are 2, counted from 0."],
  ["x = {a = 1}.b", '1:5: Unsupported attribute: This object has no attribute "b".'],
  ["x = <<EOT\nabc\n", "1:5: Unterminated heredoc: There is no line with EOT alone to end this."],
  ['x = "${"', "1:8: Unterminated string: A string ends with a quote on the line where it begins."],
  ['x = "%{ if true }a"', "1:6: Unterminated template: There is no %{ endif }."],
  ["x = (((((".padEnd(4000, "("), "Too deep"],
];

for (const [text, message] of problems) {
  test(`${JSON.stringify(text.slice(0, 60))} is refused at its place`, () => {
    expect(problemOf(text).message).toContain(message);
  });
}

test("excerptOf() marks the lines of the fault", () => {
  const { range } = problemOf('target "x" {\n  tag = []\n}\n');
  expect(excerptOf(range)).toBe(
    [
      "docker-bake.hcl:2",
      "--------------------",
      '   1 |     target "x" {',
      "   2 | >>>   tag = []",
      "   3 |     }",
      "   4 |",
      "--------------------",
    ].join("\n"),
  );
});
