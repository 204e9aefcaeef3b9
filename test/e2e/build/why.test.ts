// A user's build does not come from the cache, and he wants to know why.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { startEngine, type TestEngine } from "../../harness/engine.ts";

interface Step {
  readonly name: string;
  readonly isCached: boolean;
  readonly reasons: readonly Readonly<Record<string, unknown>>[];
}

const DOCKERFILE = [
  "FROM busybox",
  "ARG WHO=you",
  "ENV MODE=fast",
  "WORKDIR /src",
  "COPY --chown=1:1 app ./app",
  "RUN echo $WHO > /who",
  "RUN echo end > /end",
];

let engine: TestEngine;
let folder: string;

function write(name: string, text: string): void {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), text);
}

/** Builds, and gives what was done of `RUN` and `COPY` with the reasons. */
async function why(
  ...flags: readonly string[]
): Promise<Readonly<Record<string, Step["reasons"]>>> {
  const built = await engine.wharf(["build", "-q", "--why", "--format", "json", ...flags, folder]);
  expect(built.stderr).toBe("");
  expect(built.exitCode).toBe(0);
  const { steps } = JSON.parse(built.stdout.slice(0, built.stdout.lastIndexOf("}") + 1)) as {
    readonly steps: readonly Step[];
  };
  const done = steps.filter(({ isCached }) => !isCached);
  return Object.fromEntries(done.map(({ name, reasons }) => [name, reasons]));
}

const WORKDIR = "[2/5] WORKDIR /src";
const COPY = "[3/5] COPY --chown=1:1 app ./app";
const WHO = "[4/5] RUN echo $WHO > /who";
const END = "[5/5] RUN echo end > /end";
const BEFORE = [{ kind: "step-before" }];

beforeAll(async () => {
  engine = await startEngine();
  folder = join(engine.root, "why");
  write("Dockerfile", DOCKERFILE.join("\n"));
  write("app/a.txt", "a");
  write("app/b.txt", "b");
});

afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

describe("wharf build --why", () => {
  test("names what changed, and nothing else", async () => {
    const first = [{ kind: "new" }];
    expect(await why()).toEqual({ [WORKDIR]: first, [COPY]: first, [WHO]: first, [END]: first });
    expect(await why()).toEqual({});

    write("app/a.txt", "changed");
    const changed = [{ kind: "file", path: "app/a.txt", change: "changed" }];
    expect(await why()).toEqual({ [COPY]: changed, [WHO]: BEFORE, [END]: BEFORE });

    write("app/c.txt", "c");
    const added = [{ kind: "file", path: "app/c.txt", change: "added" }];
    expect(await why()).toEqual({ [COPY]: added, [WHO]: BEFORE, [END]: BEFORE });

    rmSync(join(folder, "app/b.txt"));
    const removed = [{ kind: "file", path: "app/b.txt", change: "removed" }];
    expect(await why()).toEqual({ [COPY]: removed, [WHO]: BEFORE, [END]: BEFORE });

    const who = [{ kind: "argument", name: "WHO", change: "changed" }];
    expect(await why("--build-arg", "WHO=me")).toMatchObject({ [WHO]: who });
  }, 60_000);

  test("names flags, instructions, bases and --no-cache", async () => {
    await why();
    const flag = DOCKERFILE.join("\n").replace("--chown=1:1", "--chown=2:2");
    write("Dockerfile", flag);
    const chown = await why();
    const before = [{ kind: "instruction", before: "COPY --chown=1:1 app ./app" }];
    expect(chown["[3/5] COPY --chown=2:2 app ./app"]).toEqual(before);

    write("Dockerfile", DOCKERFILE.join("\n").replace("echo end", "echo fin"));
    const text = [{ kind: "instruction", before: "RUN echo end > /end" }];
    expect(await why()).toEqual({ "[5/5] RUN echo fin > /end": text });

    write("Dockerfile", DOCKERFILE.join("\n"));
    expect((await why("--no-cache"))[END]).toEqual([{ kind: "no-cache" }]);
    expect((await why("--network", "none"))[END]).toEqual([
      { kind: "step-before" },
      { kind: "flag", name: "--network" },
    ]);

    await engine.mustWharf("run", "--name", "other", "busybox", "touch", "/other");
    await engine.mustWharf("commit", "other", "base-two");
    write("Dockerfile", DOCKERFILE.join("\n").replace("FROM busybox", "FROM base-two"));
    expect((await why())[WORKDIR]).toEqual([{ kind: "base" }]);
  }, 60_000);

  test("is refused where nothing could be told", async () => {
    const refused = async (...flags: readonly string[]): Promise<string> =>
      (await engine.wharf(["build", ...flags, folder])).stderr;
    expect(await refused("--format", "json")).toContain("--format is for --why");
    expect(await refused("--why", "--check")).toContain("--why is for a build");
    expect(await refused("--why", "--format", "yaml")).toContain("there are text and json");
  });

  test("says when a result was pruned, and tells of a step that fails", async () => {
    write("Dockerfile", "FROM busybox\nRUN echo once > /once\n");
    await why();
    await engine.mustWharf("image", "prune", "-f");
    await engine.mustWharf("builder", "prune", "-af");
    expect(await why()).toEqual({ "[2/2] RUN echo once > /once": [{ kind: "removed" }] });

    write("Dockerfile", "FROM busybox AS fresh\nRUN echo once > /once\nRUN exit 4\n");
    const failed = await engine.wharf(["build", "--progress=plain", "--why", folder]);
    expect(failed.exitCode).toBe(1);
    expect(failed.stdout).toContain(
      "1 of 2 steps came from the cache. The others were done because:",
    );
    expect(failed.stdout).toContain(
      "[fresh 3/3] RUN exit 4\n  new       no step like it was done before",
    );
    expect(Math.max(...failed.stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(
      80,
    );
  }, 60_000);
});
