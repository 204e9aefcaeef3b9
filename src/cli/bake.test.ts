import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listTargets, listVariables } from "#bake/targets/lists.ts";
import { printTargets } from "#bake/targets/print.ts";
import { type BakeFlags, parseList } from "./bake/flags.ts";
import { type BakeRequest, openDefinition, planTargets } from "./bake/plan.ts";
import { command } from "./bake.ts";
import { parseFlags } from "#cli/command/parse-flags.ts";
import cases from "./testdata/bake-cases.json" with { type: "json" };

const folder = mkdtempSync(join(tmpdir(), "wharf-bake-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let count = 0;

/** What `wharf bake` writes for files in a folder of their own. */
function bake(
  files: Readonly<Record<string, string | undefined>>,
  words: readonly string[],
  env: Readonly<Record<string, string | undefined>> = {},
): string {
  const directory = mkdtempSync(join(folder, `${count++}-`));
  for (const [name, text = ""] of Object.entries(files)) writeFileSync(join(directory, name), text);
  const parsed = parseFlags(command.flags, words, true);
  const flags = parsed.values as unknown as BakeFlags; // the parser fills the command's own table
  const file = flags.file.map((name) => join(directory, name));
  const request: BakeRequest = {
    flags: { ...flags, file },
    isSet: (name) => parsed.given.has(name),
    names: parsed.args,
    env: { HOME: "/root", ...env },
    directory,
    readStandardInput: () => "",
    warn: () => {},
  };
  const definition = openDefinition(request);
  if (flags.list === "") return printTargets(planTargets(definition, request));
  const { type, format } = parseList(flags.list);
  return (type === "targets" ? listTargets : listVariables)(definition, format);
}

for (const { name, files, args, env, output } of cases) {
  test(`bake prints what buildx prints: ${name}`, () => {
    expect(bake(files, args, env)).toBe(output);
  });
}

const one = {
  "docker-bake.hcl":
    'target "app" {\n  contexts = { base = "target:base" }\n}\ntarget "base" {\n}\n',
};

const refused: readonly (readonly [readonly string[], string])[] = [
  [["ap"], "failed to find target ap; did you mean app?"],
  [["a?"], 'could not find any target matching "a?"'],
  [["app", "--set", "apq.args.A=1"], "could not find any target matching 'apq'; did you mean app?"],
  [["app", "--set", "app.arg=1"], "unknown key: arg; did you mean args?"],
  [["app", "--set", "app"], "invalid override key app, expected target.name"],
  [["app", "--set", "app.tags"], "invalid override app.tags, expected target.name=value"],
  [["app", "--set", "app.args=1"], "invalid key app.args, args requires name"],
  [["app", "--set", "app.pull=maybe"], "invalid value maybe for boolean key pull"],
  [["app", "--set", "base.contexts.x=target:app"], "infinite loop from base to app"],
  [["app", "--set", "app.contexts.x=target:app"], "target app cannot link to itself"],
  [["app", "--set", "app.context=-"], "context from stdin not allowed in bake"],
  [["--list", "things"], 'invalid list type "things": there are targets and variables'],
  [["--var", "X", "app"], 'invalid variable "X", expected key=value'],
];

for (const [words, message] of refused) {
  test(`bake ${words.join(" ")} is refused`, () => {
    expect(() => bake(one, words)).toThrow(message);
  });
}

test("groups that hold each other end, and inherits in a circle too", () => {
  const files = {
    "docker-bake.hcl": `
group "default" { targets = ["b"] }
group "b" { targets = ["default", "x"] }
target "x" {
  inherits = ["y"]
  tags = ["t"]
}
target "y" { inherits = ["x"] }
`,
  };
  expect(JSON.parse(bake(files, ["--print"])).target.x.tags).toEqual(["t"]);
});

test("a matrix that makes too many targets is refused before they are made", () => {
  const many = Array.from({ length: 200 }, (_, index) => index).join(", ");
  const text = `target "x" {\n  name = "x-\${a}-\${b}-\${c}"\n  matrix = { a = [${many}], b = [${many}], c = [${many}] }\n}\n`;
  expect(() => bake({ "docker-bake.hcl": text }, ["--print", "x"])).toThrow("more than 10000");
});

test("names of JavaScript's own are names like others", () => {
  const files = {
    "docker-bake.hcl": 'target "constructor" {\n  args = { __proto__ = "p", toString = "t" }\n}\n',
  };
  const { target } = JSON.parse(bake(files, ["--print", "constructor"]));
  expect(Object.entries(target.constructor.args)).toEqual([
    ["__proto__", "p"],
    ["toString", "t"],
  ]);
});
