import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf } from "#base/errors.ts";
import { loadProject } from "./load-project.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "wharf-hostile-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function load(content: string): ReturnType<typeof loadProject> {
  return loadProject({
    files: [{ path: join(folder, "compose.yaml"), content }],
    workingDirectory: folder,
    environment: new Map(),
    projectName: "p",
    profiles: [],
    warn: () => {},
  });
}

function fault(content: string): string {
  try {
    load(content);
  } catch (error) {
    return messageOf(error).replaceAll(`${folder}/`, "");
  }
  return "";
}

const web = (more: string): string => `services: {web: {image: busybox, ${more}}}\n`;

/** Each is ten of the one before. */
function bomb(seed: string, next: (before: string) => string): string {
  const names = "abcdefghij".split("");
  const lines = names.map((name, index) => {
    const before = names[index - 1];
    return `x-${name}: &${name} ${before === undefined ? seed : next(before)}\n`;
  });
  return `${lines.join("")}${web("x-all: *j")}`;
}

const ten = (each: (index: number) => string): string =>
  Array.from({ length: 10 }, (_, index) => each(index)).join(", ");

describe("a hostile file is refused at once, with its place", () => {
  test.each([
    ["aliases of lists", bomb("[l]", (it) => `[${ten(() => `*${it}`)}]`), "its aliases multiply"],
    [
      "aliases of maps",
      bomb("{k: v}", (it) => `{${ten((k) => `k${k}: *${it}`)}}`),
      "its aliases multiply",
    ],
    [
      "an alias in itself",
      `x-a: &a {b: *a}\n${web("")}`,
      "compose.yaml:1:13: x-a.b.b: *a stands in what it stands for",
    ],
    ["a merge of itself", `x-a: &a\n  <<: *a\n${web("")}`, "*a stands in what it stands for"],
    [
      "lists in lists",
      web(`x-a: ${"[".repeat(500)}${"]".repeat(500)}`),
      "nested more than 200 deep",
    ],
    [
      "very many lists in lists",
      web(`x-a: ${"[".repeat(12_000)}${"]".repeat(12_000)}`),
      "nested more than 200 deep",
    ],
    [
      "values in values",
      web(`hostname: "${"${A:-".repeat(5000)}${"}".repeat(5000)}"`),
      "variables nested more than 100 deep",
    ],
    ["an endless value", web(`hostname: "${"${".repeat(10_000)}"`), "invalid interpolation format"],
    [
      "more containers than can be",
      web("scale: 2000000000"),
      "services.web: 2000000000 containers are more than the 10000 that are allowed",
    ],
    [
      "ports that cannot be",
      web("expose: ['1-99999999999']"),
      'services.web.expose: "1-99999999999" is no port or range of ports',
    ],
    ["an env file without an end", web("env_file: [/dev/zero]"), "/dev/zero is larger than 16 MiB"],
    ["labels without an end", web("label_file: [/dev/zero]"), "/dev/zero is larger than 16 MiB"],
    [
      "an included file without an end",
      `include: [/dev/zero]\n${web("")}`,
      "/dev/zero is larger than 16 MiB",
    ],
    [
      "a file that is elsewhere",
      "include: ['oci://host/app']\n",
      "compose.yaml:1:11: include oci://host/app: it is elsewhere",
    ],
    [
      "an extended file without an end",
      web("extends: {file: /dev/zero, service: a}"),
      "/dev/zero is larger than 16 MiB",
    ],
    ["control characters", web('"\\e[31mred": 1'), "services.web.\\x1b[31mred: unknown key"],
    [
      "services that extend each other",
      "services: {a: {extends: b}, b: {extends: a}}\n",
      "Circular reference",
    ],
    ["something else's file", `include: [/etc/passwd]\n${web("")}`, "/etc/passwd"],
  ])("%s", (_kind, content, said) => {
    const message = fault(content);
    expect(message).toContain(said);
    expect(message.length).toBeLessThan(2000);
  });

  test("files that include one another on and on, or themselves", () => {
    for (let index = 0; index < 200; index++) {
      const next = `include: [${join(folder, `i${index + 1}.yaml`)}]\n`;
      writeFileSync(
        join(folder, `i${index}.yaml`),
        `${next}services: {s${index}: {image: busybox}}\n`,
      );
    }
    expect(fault(`include: [i0.yaml]\n${web("")}`)).toContain(
      "more than 100 files include each other",
    );
    writeFileSync(join(folder, "self.yaml"), "include: [self.yaml]\n");
    expect(fault("include: [self.yaml]\n")).toContain("include cycle detected");
  });
});

describe("a large file is read all the same", () => {
  test("many services, each extending another or needing one", () => {
    const names = Array.from({ length: 200 }, (_, index) => index);
    const chain = names.map((n) =>
      n === 0 ? "  s0: {image: busybox}\n" : `  s${n}: {extends: s${n - 1}}\n`,
    );
    expect(load(`services:\n${chain.join("")}`).services.get("s199")?.image).toBe("busybox");
    const needs = names.map(
      (n) => `  s${n}: {image: busybox${n === 0 ? "" : `, depends_on: [s${n - 1}]`}}\n`,
    );
    expect(load(`services:\n${needs.join("")}`).services.size).toBe(200);
  });

  test("more keys than aliases may bring, and names that objects have of themselves", () => {
    const labels = Array.from({ length: 10_000 }, (_, n) => `      l${n}: x\n`).join("");
    expect(
      load(`services:\n  web:\n    image: busybox\n    labels:\n${labels}`).services.get("web")
        ?.labels?.size,
    ).toBe(10_000);
    const odd = load(
      "services: {__proto__: {image: a}, constructor: {image: b, labels: {__proto__: x}}}\n",
    );
    expect(load(`include:\n${web("")}`).services.size).toBe(1);
    expect([...odd.services.keys()]).toEqual(["__proto__", "constructor"]);
    expect(odd.services.get("constructor")?.labels?.get("__proto__")).toBe("x");
  });
});
