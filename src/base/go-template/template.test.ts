import { describe, expect, test } from "bun:test";
import { messageOf } from "#base/errors.ts";
import { GoTemplate } from "./template.ts";
import docker from "./testdata/docker-28.json";
import { HEADER_FUNCTIONS, TEXT_FUNCTIONS } from "./text-functions.ts";
import { TemplateStruct, withTypedMaps } from "./values.ts";

function run(
  text: string,
  data: unknown = null,
  missingKey: "no-value" | "error" = "no-value",
): string {
  try {
    return GoTemplate.parse(text, { functions: TEXT_FUNCTIONS }).execute(data, { missingKey });
  } catch (error) {
    return `error: ${messageOf(error)}`;
  }
}

// what docker 28.2 printed for `docker volume inspect tv --format TEMPLATE`
describe("GoTemplate agrees with docker on", () => {
  test.each(docker.cases)("$template", ({ template, output }) => {
    expect(run(template, docker.data, "error")).toBe(output);
  });
});

const container = new TemplateStruct("*formatter.ContainerContext", {
  ID: "abc",
  Names: () => "web",
  Label: (name: string) => (name === "a" ? "1" : ""),
  Labels: new Map([
    ["z", "1"],
    ["a", "2"],
  ]),
});

describe("TemplateStruct", () => {
  test("calls methods, with and without operands", () => {
    expect(run('{{.ID}} {{.Names}} {{.Label "a"}} {{"a" | .Label}}', container)).toBe(
      "abc web 1 1",
    );
  });

  test("prints JSON of the fields without operands, sorted", () => {
    expect(run("{{json .}}", container)).toBe(
      '{"ID":"abc","Labels":{"a":"2","z":"1"},"Names":"web"}',
    );
  });

  test("names its type for an unknown field and a wrong number of operands", () => {
    expect(run("{{.Foo}}", container)).toBe(
      'error: template: :1:2: executing "" at <.Foo>: can\'t evaluate field Foo in type *formatter.ContainerContext',
    );
    expect(run("{{.Label}}", container)).toContain("wrong number of args for Label: want 1 got 0");
  });

  test("runs as header with functions that change nothing", () => {
    const headers = new TemplateStruct("header", { ID: "CONTAINER ID", Labels: "LABELS" });
    const template = GoTemplate.parse(
      '{{upper .ID}}\t{{json .Labels}}\t{{truncate .ID 3}}\t{{join .Labels ","}}',
      {
        functions: TEXT_FUNCTIONS,
      },
    );
    expect(template.executeWith(HEADER_FUNCTIONS, headers)).toBe(
      "CONTAINER ID\tLABELS\tCONTAINER ID\tLABELS",
    );
  });
});

describe("missing keys", () => {
  test("are no value, an error, or no value in typed maps", () => {
    expect(run("{{.a}} {{.a.b}}", {})).toBe("<no value> <no value>");
    expect(run("{{.a}}", {}, "error")).toContain('map has no entry for key "a"');
    const data = withTypedMaps({ Config: { Labels: { x: "y" } } }, new Set(["Labels"]));
    expect(run("{{.Config.Labels.nope}} {{.Config.Labels.x}}", data, "error")).toBe("<no value> y");
    expect(run("{{.a.b}}", { a: null })).toContain("nil pointer evaluating interface {}.b");
  });

  test("are the zero value to `index` in maps of strings", () => {
    const data = { labels: { a: "1" }, none: {}, networks: { web: { id: 1 } } };
    expect(run(`[{{index .labels "a"}}{{index .labels "b"}}]`, data)).toBe("[1]");
    expect(run(`{{if index .none "b"}}yes{{else}}no{{end}}`, data)).toBe("no");
    expect(run(`{{index .networks "b"}}`, data)).toBe("<no value>");
  });

  test("never find what JavaScript objects inherit", () => {
    for (const name of ["constructor", "__proto__", "toString", "hasOwnProperty"]) {
      expect(run(`{{.${name}}}`, {})).toBe("<no value>");
      expect(run(`{{.${name}}}`, container)).toContain("can't evaluate field");
      expect(run(`{{${name} 1}}`, {})).toContain(`function "${name}" not defined`);
    }
    expect(run("{{index . `__proto__`}}", { a: 1 })).toBe("<no value>");
    expect(run("{{.__proto__.x}}", JSON.parse('{"__proto__":{"x":1}}'))).toBe("1");
  });
});

describe("printf", () => {
  const cases: readonly (readonly [string, string])[] = [
    ['{{printf "%6.2f|%-6d|%06d|%+d" 3.14159 42 -42 7}}', "  3.14|42    |-00042|+7"],
    ['{{printf "%x %X %o %b %#x %U" 255 255 8 5 255 9731}}', "ff FF 10 101 0xff U+2603"],
    ['{{printf "%q %v %s %t" "a\\tb" nil "x" true}}', '"a\\tb" <nil> x true'],
    ['{{printf "%*d|%-*d|" 5 42 5 42}}', "   42|42   |"],
    [
      '{{printf "%d" "x"}} {{printf "%z" 1}} {{printf "%d"}} {{printf "a" 1}}',
      "%!d(string=x) %!z(int=1) %!d(MISSING) a%!(EXTRA int=1)",
    ],
    ['{{printf "%5s|%-5s|%.2s|%x" "ab" "ab" "abcd" "hi"}}', "   ab|ab   |ab|6869"],
    ['{{printf "%e %g %G" 123456.789 0.00001 1e30}}', "1.234568e+05 1e-05 1E+30"],
    ['{{printf "%v %v" (split "a b" " ") 1.5}}', "[a b] 1.5"],
    ["{{printf `%T %T %T` 1 `a` 1.5}}", "int string float64"],
    ["{{printf `100%%`}} {{printf `%`}}", "100% %!(NOVERB)"],
  ];
  test.each(cases)("%s", (template, output) => {
    expect(run(template)).toBe(output);
  });
});

describe("hostile templates", () => {
  test("end with an error, soon", () => {
    expect(run(`{{${"(".repeat(100_000)}`)).toContain("nested too deep");
    expect(run("{{if 1}}".repeat(10_000))).toContain("nested too deep");
    expect(run('{{define "a"}}{{template "a"}}{{end}}{{template "a"}}')).toContain(
      "maximum template depth",
    );
    expect(run("{{printf `%999999999d` 1}}")).toBe("1");
    expect(run("{{range 1000000000}}{{break}}{{end}}")).toBe("");
    expect(run("{{".repeat(50_000))).toContain("error: template: :1:");
  });

  test("give Go's error or a text for every cut", () => {
    const text =
      '{{range $i, $e := .a}}{{if eq $i 1}}{{continue}}{{end}}{{printf "%d %q" $i `x` | upper}}{{else}}no{{end}}';
    for (let end = 0; end <= text.length; end++) {
      expect(run(text.slice(0, end), { a: [1, 2] })).toMatch(
        /^(?:error: template: :1:|[^{]*$|\{$)/,
      );
    }
  });
});

test("GoTemplate escapes for HTML, JavaScript and queries", () => {
  expect(run("{{html .}} {{js .}} {{urlquery .}}", `<a href='x'>&"`)).toBe(
    "&lt;a href=&#39;x&#39;&gt;&amp;&#34; \\u003Ca href\\u003D\\'x\\'\\u003E\\u0026\\\" %3Ca+href%3D%27x%27%3E%26%22",
  );
});
