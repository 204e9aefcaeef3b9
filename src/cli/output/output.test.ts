import { expect, test } from "bun:test";
import { failureOf } from "#client/testing/failure.ts";
import { BufferOutput, TestCli } from "#cli/testing/test-cli.ts";
import { colorizer } from "./colors.ts";
import { confirm } from "./confirm.ts";
import { compactJson, indentJson } from "./indent-json.ts";
import { inspectObjects } from "./inspect.ts";
import { progressText } from "#base/progress-text.ts";
import { type ProgressMessage, showProgress } from "./progress.ts";
import { compileObjectTemplate } from "./template.ts";
import { apiTimestamp, labelList, shortId } from "./texts.ts";
import { typedView } from "./typed-view.ts";

test("indentJson() lays out as Go does and changes no token", () => {
  const text =
    '{"a":[],"b":{},"c":[1,{"d":"x: [}\\""}],"e":9223372036854775807,"f":1.50,"g":"\\u003c"}';
  expect(indentJson(text, "", "  ")).toBe(`{
  "a": [],
  "b": {},
  "c": [
    1,
    {
      "d": "x: [}\\""
    }
  ],
  "e": 9223372036854775807,
  "f": 1.50,
  "g": "\\u003c"
}`);
  expect(compactJson(indentJson(text, ">", "\t").replaceAll(">", ""))).toBe(text);
});

test("inspectObjects() prints what it finds and fails with what it does not", async () => {
  const fetch = (name: string): Promise<string> =>
    name === "gone"
      ? Promise.reject(new TypeError("no such thing"))
      : Promise.resolve(`{"Name":"${name}"}\n`);
  const show = async (format: string, ...names: string[]): Promise<string> => {
    const cli = new TestCli();
    const failure = await inspectObjects(cli, names, format, fetch).catch((error: Error) => error);
    return `${cli.output.text}|${failure instanceof Error ? failure.message : failure}`;
  };
  expect(await show("", "a", "gone")).toBe(
    '[\n    {\n        "Name": "a"\n    }\n]\n|no such thing',
  );
  expect(await show("", "gone")).toBe("[]\n|no such thing");
  expect(await show("json", "a", "b")).toBe('[{"Name":"a"},{"Name":"b"}]\n|0');
  expect(await show("{{.Name}}", "a", "b")).toBe("a\nb\n|0");
  expect(await show("{{.Name}}", "gone")).toBe("\n|no such thing");
  expect(await show("{{.Nope}}", "a")).toBe(
    '\n|template parsing error: template: :1:2: executing "" at <.Nope>: map has no entry for key "Nope"',
  );
});

test("typedView() adds Go's names and zero values", () => {
  const container = {
    Id: "1",
    State: { Status: "running" },
    HostConfig: { NanoCpus: 5 },
    Config: {},
    Mounts: [{ Source: "/s" }],
  };
  const render = compileObjectTemplate(
    "{{.ID}} {{.HostConfig.NanoCPUs}}{{if .State.Health}}!{{end}} [{{.Config.StopSignal}}] {{range .Mounts}}<{{.Name}}>{{end}}",
  );
  expect(render(typedView(container))).toBe("1 5 [] <>");
  const labels = compileObjectTemplate("{{.Config.Labels.a}} {{.Config.Labels.none}}");
  expect(labels(typedView({ Config: { Labels: { a: "1" } } }))).toBe("1 <no value>");
});

test("compileObjectTemplate() fails with docker's words and 64", () => {
  expect(() => compileObjectTemplate("{{.X", "version")).toThrow(
    "template parsing error: template: version:1: unclosed action",
  );
  try {
    compileObjectTemplate("{{.X");
  } catch (error) {
    expect(error).toMatchObject({ exitCode: 64 });
  }
});

async function* messages(...list: ProgressMessage[]): AsyncGenerator<ProgressMessage> {
  yield* list;
}

test("showProgress() prints plain lines where there is no terminal", async () => {
  const output = new BufferOutput();
  const auxes: unknown[] = [];
  const stream = messages(
    { status: "Loading layer", id: "a1", progressDetail: { current: 5, total: 10 } },
    { status: "Pull complete", id: "a1", progressDetail: {} },
    { status: "Digest: sha256:1" },
    { stream: "Loaded image: x\n" },
    { aux: { ID: "sha256:2" } },
  );
  await showProgress(stream, output, (aux) => auxes.push(aux));
  expect(output.text).toBe("a1: Pull complete\nDigest: sha256:1\nLoaded image: x\n");
  expect(auxes).toEqual([{ ID: "sha256:2" }]);
});

test("showProgress() redraws one line an id on a terminal", async () => {
  const output = new BufferOutput({ rows: 24, columns: 80 });
  const part = (id: string, current: number): ProgressMessage => ({
    status: "Loading",
    id,
    progressDetail: { current, total: 2000 },
  });
  await showProgress(
    messages(part("a", 1000), part("b", 0), part("a", 2000), { status: "done" }),
    output,
  );
  expect(output.text).toBe(
    [
      "\n\x1b[1A\x1b[2K\ra: Loading      1kB/2kB\r\x1b[1B",
      "\n\x1b[1A\x1b[2K\rb: Loading       0B/2kB\r\x1b[1B",
      "\x1b[2A\x1b[2K\ra: Loading      2kB/2kB\r\x1b[2B",
      "done\n",
    ].join(""),
  );
});

test("showProgress() throws what the stream reports", async () => {
  const stream = messages({ errorDetail: { message: "no space left" }, error: "no space left" });
  expect((await failureOf(showProgress(stream, new BufferOutput()))).message).toBe("no space left");
});

test("progressText() draws docker's bar from 110 columns on", () => {
  expect(progressText({ current: 50, total: 100 }, 120)).toBe(
    `[${"=".repeat(25)}>${" ".repeat(25)}]      50B/100B`,
  );
  expect(progressText({ current: 50, total: 100 }, 110)).toBe("     50B/100B");
  expect(progressText({ current: 1500 }, 80)).toBe("   1.5kB");
  expect(progressText({ current: 3, total: 4, units: "files" }, 80)).toBe("3/4 files");
  expect(progressText({}, 80)).toBe("");
});

test("confirm() takes only y", async () => {
  const answers: readonly (readonly [string, boolean])[] = [
    ["y\n", true],
    ["Y\n", true],
    ["yes\n", false],
    ["\n", false],
    ["", false],
    ["n\ny\n", false],
  ];
  for (const [input, isYes] of answers) {
    const cli = new TestCli({ input });
    expect(await confirm(cli, "Sure?")).toBe(isYes);
    expect(cli.output.text).toBe("Sure? [y/N] ");
  }
});

test("colorizer() colours terminals only, and not under NO_COLOR", () => {
  const terminal = new BufferOutput({ rows: 1, columns: 80 });
  expect(colorizer(terminal, {})("red", "x")).toBe("\x1b[31mx\x1b[0m");
  expect(colorizer(terminal, { NO_COLOR: "1" })("red", "x")).toBe("x");
  expect(colorizer(new BufferOutput(), {})("red", "x")).toBe("x");
});

test("texts: short ids, labels, times for the API", () => {
  expect(shortId("sha256:0123456789abcdef")).toBe("0123456789ab");
  expect(labelList({ b: "2", a: "1" })).toBe("a=1,b=2");
  expect(apiTimestamp("10s", new Date(1_000_000))).toBe("990.000000000");
  expect(() => apiTimestamp("soon", new Date(0))).toThrow(
    "failed to parse value as time or duration",
  );
});
