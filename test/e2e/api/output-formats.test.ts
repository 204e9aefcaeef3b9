// A user's scripts read lists: columns, --format fields, -q and --no-trunc of each are the reference's.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { DOCKER, hasDockerCli, startEngine, type TestEngine, WHARF } from "../../harness/engine.ts";
import { runCommand } from "../../harness/command.ts";
import { TerminalSession } from "../../harness/terminal.ts";

interface ReferenceList {
  readonly command: string;
  readonly defaultFormat?: string;
  readonly columns?: readonly string[];
  readonly fields?: readonly { readonly name: string; readonly header?: string }[];
  readonly quietFormat?: string;
  readonly rawKeys?: readonly string[];
}

const REFERENCE = JSON.parse(readFileSync("test/reference/output-formats.json", "utf8")) as {
  readonly commands: readonly ReferenceList[];
};

/** What to list, in a command line that gives the table of the reference. */
const LISTS: Readonly<Record<string, readonly string[]>> = {
  "container ls": ["ps", "-a"],
  "image ls": ["image", "ls", "--no-trunc=false", "--digests=false"],
  "network ls": ["network", "ls"],
  "volume ls": ["volume", "ls"],
  "image history": ["history", "busybox"],
  "container stats": ["stats", "--no-stream"],
  "system df": ["system", "df"],
  "context ls": ["context", "ls"],
  "plugin ls": ["plugin", "ls"],
};

/** Lists whose rows stand still: a second client prints the same. */
const STEADY = ["network ls", "volume ls", "context ls", "plugin ls"];

let engine: TestEngine;
beforeAll(async () => {
  engine = await startEngine();
  const long =
    "a-name-that-is-longer-than-all-the-others-and-would-not-fit-on-a-line-of-a-terminal";
  await engine.mustWharf("create", "--name", long, "-l", "tier=front", "-v", "kept:/d", "busybox");
  const sleep = ["--network", "none", "busybox", "sleep", "1000"];
  await engine.mustWharf("run", "-d", "--name", "up", ...sleep);
  await engine.mustWharf("volume", "create", "--label", "a=b", long);
  await engine.mustWharf("network", "create", "--label", "a=b", "mine");
  await engine.mustWharf("tag", "busybox", `registry.example:5000/${long}:1`);
  await engine.mustWharf("context", "create", "here", "--docker", `host=${engine.host}`);
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

async function list(command: string, ...more: string[]): Promise<string> {
  return await engine.mustWharf(...(LISTS[command] ?? []), ...more);
}

function words(header: string): string[] {
  return header.trim().split(/ {3,}|\t/);
}

describe("lists have the reference's", () => {
  const built = REFERENCE.commands.filter(({ command }) => LISTS[command]);
  for (const { command, columns = [], fields = [], quietFormat, rawKeys } of built) {
    test(`${command}: columns`, async () => {
      // two of image ls's flags choose the table over the compact view
      const text = await list(command, ...(command === "image ls" ? ["--format", "table"] : []));
      const header = words(text.split("\n")[0] ?? "");
      expect(header).toEqual([...columns]);
    });

    test(`${command}: fields`, async () => {
      const template = fields.map(({ name }) => `{{.${name}}}`).join("\\t");
      const lines = (await list(command, "--format", `table ${template}`)).split("\n");
      expect(lines[0]?.replaceAll(/ {2,}/g, " ").trim()).toBe(
        fields.flatMap(({ header }) => header ?? []).join(" "),
      );
      const bare = (await list(command, "--format", "{{json .}}")).split("\n");
      for (const line of bare.filter((one) => one !== "")) {
        expect(Object.keys(JSON.parse(line) as object)).toEqual(
          fields.map(({ name }) => name).toSorted(),
        );
      }
      const json = await list(command, "--format", "json");
      const keys = json
        .split("\n")
        .filter((one) => one !== "")
        .map((line) => Object.keys(JSON.parse(line) as object).join());
      expect(new Set(keys).size).toBeLessThanOrEqual(1);
      expect(keys.length).toBe(bare.filter((one) => one !== "").length);
    });

    if (quietFormat !== undefined) {
      test(`${command}: --quiet`, async () => {
        expect(await list(command, "-q")).toBe(await list(command, "--format", quietFormat));
      });
    }

    if (rawKeys !== undefined) {
      test(`${command}: --format raw`, async () => {
        const [first = ""] = (await list(command, "--format", "raw")).split("\n\n");
        const keys = first.split("\n").map((line) => line.split(":")[0] ?? "");
        // sizes are asked for by a flag
        const wanted = rawKeys.filter((key) => key !== "digest" && key !== "size");
        expect(keys.filter((key) => key !== "" && key !== "size")).toEqual(
          first === ""
            ? []
            : command === "system df"
              ? [...rawKeys].filter((k) => k !== "size")
              : wanted,
        );
      });
    }
  }
});

test("--no-trunc shows ids in full, and names of all lengths are shown in full anyway", async () => {
  for (const command of ["container ls", "network ls"]) {
    expect(await list(command, "--no-trunc", "--format", "{{.ID}}")).toMatch(/^[0-9a-f]{64}$/m);
    expect(await list(command, "--format", "{{.ID}}")).toMatch(/^[0-9a-f]{12}$/m);
  }
  expect(await list("image ls", "--no-trunc", "-q")).toMatch(/^sha256:[0-9a-f]{64}$/m);
  expect(await list("container ls", "--no-trunc")).toContain(' "sleep 1000" ');
});

async function onTerminal(argv: readonly string[], columns: number): Promise<string> {
  await using session = new TerminalSession(argv, { env: engine.environment(), columns });
  expect(await session.exited).toBe(0);
  return session.screen.replaceAll("\r", "").trim();
}

describe.each([80, 200])("on a terminal of %d columns", (columns) => {
  test.each(Object.keys(LISTS).filter((name) => !["container stats", "image ls"].includes(name)))(
    "%s prints what it prints into a pipe, without escapes",
    async (command) => {
      const line = LISTS[command] ?? [];
      const [shown = ""] = (await onTerminal([WHARF, ...line], columns)).split("\nWarning: ");
      // how long ago is told in seconds
      const still = (text: string) =>
        text
          .replaceAll(/(Less than a|About a|\d+) (second|minute)s?/g, "AGE")
          .replaceAll(/ +/g, " ");
      expect(still(shown).trim()).toBe(still(await engine.mustWharf(...line)));
    },
  );

  test("images fits", async () => {
    const lines = (await onTerminal([WHARF, "images"], columns)).split("\n");
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns);
  });
});

if (hasDockerCli) {
  test.each(STEADY)("%s prints what the docker CLI prints", async (command) => {
    for (const more of [[], ["-q"], ["--no-trunc"], ["--format", "raw"]]) {
      const line = [...(LISTS[command] ?? []), ...more];
      const env = engine.environment();
      const [docker, wharf] = await Promise.all([
        runCommand([DOCKER, ...line], { env }),
        runCommand([WHARF, ...line], { env }),
      ]);
      expect([line, wharf.stdout, wharf.exitCode]).toEqual([line, docker.stdout, docker.exitCode]);
    }
  });
}
