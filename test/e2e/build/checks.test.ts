// A user has a Dockerfile checked before, and while, it is built.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { addBuildx, hasBuildx } from "../../harness/build/buildx.ts";
import { startEngine, type TestEngine } from "../../harness/engine.ts";

let engine: TestEngine;
let next = 1;

beforeAll(async () => {
  engine = await startEngine();
  addBuildx(engine);
});

afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

function context(dockerfile: string): string {
  const folder = join(engine.root, `context-${next++}`);
  mkdirSync(folder);
  writeFileSync(join(folder, "Dockerfile"), dockerfile);
  return folder;
}

interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function build(dockerfile: string, ...flags: readonly string[]): Promise<Ran> {
  return await engine.wharf(["build", ...flags, context(dockerfile)]);
}

describe("wharf build --check", () => {
  test("says what is found, where, and how to read on; nothing is built", async () => {
    const checked = await build("FROM busybox\nENV greeting=$nope\nCMD echo hi\n", "--check");
    expect(checked.exitCode).toBe(1);
    expect(checked.stdout).toBe(`Check complete, 2 warnings have been found!

WARNING: UndefinedVar - https://docs.docker.com/go/dockerfile/rule/undefined-var/
Usage of undefined variable '$nope'
Dockerfile:2
--------------------
   1 |     FROM busybox
   2 | >>> ENV greeting=$nope
   3 |     CMD echo hi
   4 |     
--------------------

WARNING: JSONArgsRecommended - https://docs.docker.com/go/dockerfile/rule/json-args-recommended/
JSON arguments recommended for CMD to prevent unintended behavior related to OS signals
Dockerfile:3
--------------------
   1 |     FROM busybox
   2 |     ENV greeting=$nope
   3 | >>> CMD echo hi
   4 |     
--------------------
`);
    expect(checked.stderr).toBe("");
    const clean = await build('FROM busybox\nRUN false\nCMD ["sh"]\n', "--check");
    expect(clean).toMatchObject({ exitCode: 0, stdout: "Check complete, no warnings found.\n" });
  });

  test("format=json has BuildKit's form, also beside an error", async () => {
    const text = "FROM busybox AS Base\nENV a=${b:?needed}\n";
    const checked = await build(text, "--call=check,format=json");
    expect(checked.exitCode).toBe(1);
    expect(JSON.parse(checked.stdout)).toMatchObject({
      warnings: [
        { ruleName: "StageNameCasing", location: { ranges: [{ start: { line: 1 } }] } },
        { ruleName: "UndefinedVar", location: { ranges: [{ start: { line: 2 } }] } },
      ],
      sources: [{ filename: "Dockerfile", data: btoa(text), language: "Dockerfile" }],
      buildError: { location: { ranges: [{ start: { line: 2 } }] } },
    });
    expect(checked.stderr).toContain("b: needed");
  });

  test("an image that is not here is not fetched for it", async () => {
    const checked = await build("FROM registry.invalid/none:1\nRUN true\n", "--check");
    expect(checked).toMatchObject({ exitCode: 0, stdout: "Check complete, no warnings found.\n" });
  });

  test("what cannot be called is refused by name", async () => {
    const unknown = await build("FROM busybox\n", "--call=chekc");
    expect(unknown.exitCode).toBe(1);
    expect(unknown.stderr).toContain("unsupported subrequest frontend.chekc");
    const api = await engine.api("POST", "/build?call=outline");
    expect(api.status).toBe(501);
  });
});

describe("while it is built", () => {
  test("warnings are told, and the build goes on", async () => {
    const built = await build("FROM busybox\nCMD echo hi\n", "-t", "warned");
    expect(built.exitCode).toBe(0);
    expect(built.stderr).toContain("1 warning found (use --debug to expand):\n");
    expect(built.stderr).toContain(
      " - JSONArgsRecommended: JSON arguments recommended for CMD to prevent unintended behavior related to OS signals (line 2)\n",
    );
    expect(built.stderr).toContain("naming to docker.io/library/warned:latest done");
    const skipped = await build("# check=skip=JSONArgsRecommended\nFROM busybox\nCMD echo hi\n");
    expect(skipped.stderr).not.toContain("warning");
  });

  test("check=error=true ends it before anything is run", async () => {
    const refused = await build("# check=error=true\nFROM busybox\nRUN echo ran\nCMD echo hi\n");
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain("lint violation found for rules: JSONArgsRecommended");
    expect(refused.stderr).toContain("WARN: JSONArgsRecommended");
    expect(refused.stderr).not.toContain("RUN echo ran");
    const wrong = await build("# check=what=1\nFROM busybox\n");
    expect(wrong.stderr).toContain('failed to parse check options: invalid check option "what"');
  });
});

describe.skipIf(!hasBuildx)("by docker's own client", () => {
  const text = "FROM busybox AS Base\nCMD echo hi\n";

  test("docker build --check tells the same", async () => {
    const checked = await engine.docker(["build", "--check", context(text)]);
    expect(checked.exitCode).toBe(1);
    expect(checked.stdout).toContain("Check complete, 2 warnings have been found!");
    expect(checked.stdout).toContain("   1 | >>> FROM busybox AS Base");
    const clean = await engine.docker(["build", "--check", context("FROM busybox\n")]);
    expect(clean.exitCode).toBe(0);
    expect(clean.stdout).toBe("Check complete, no warnings found.\n");
    const json = await engine.docker(["build", "--call=check,format=json", context(text)]);
    expect(JSON.parse(json.stdout)).toMatchObject({
      warnings: [{ ruleName: "StageNameCasing" }, { ruleName: "JSONArgsRecommended" }],
      sources: [{ data: btoa(text) }],
    });
  }, 60_000);

  test("a build's progress has the warnings; check=error=true ends it", async () => {
    const built = await engine.docker(["build", "--progress=plain", context(text)]);
    expect(built.stderr).toContain("WARN: StageNameCasing: Stage name 'Base' should be lowercase");
    expect(built.stderr).toContain("2 warnings found (use docker --debug to expand):");
    expect(built.stderr).toContain("(line 1)");
    const strict = context(`# check=error=true\n${text}`);
    const refused = await engine.docker(["build", "--progress=plain", strict]);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain("lint violation found for rules:");
  }, 60_000);
});
