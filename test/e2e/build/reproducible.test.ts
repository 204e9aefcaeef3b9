// A user builds twice from the same files, and gets the same bytes.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { addBuildx, hasBuildx } from "../../harness/build/buildx.ts";
import { startEngine, type TestEngine } from "../../harness/engine.ts";

const EPOCH = 1_600_000_000;
let engine: TestEngine;
let folder: string;

beforeAll(async () => {
  if (!hasBuildx) return;
  engine = await startEngine();
  addBuildx(engine);
  folder = join(engine.root, "context");
  mkdirSync(folder);
  writeFileSync(join(folder, "a"), "A\n");
  const lines = [
    "FROM busybox",
    "RUN mkdir /new && echo made > /new/file && ln -s file /new/link && rm /bin/false",
    "COPY a /copied",
    "ENV a=b",
  ];
  writeFileSync(join(folder, "Dockerfile"), lines.join("\n"));
});

afterAll(async () => {
  if (hasBuildx) await engine[Symbol.asyncDispose]();
});

async function build(...flags: readonly string[]): Promise<string> {
  const metadata = join(engine.root, "metadata.json");
  const built = await engine.docker(
    ["build", "--no-cache", "--metadata-file", metadata, ...flags, folder],
    { env: { SOURCE_DATE_EPOCH: String(EPOCH) } },
  );
  expect({ code: built.exitCode, stderr: built.stderr }).toMatchObject({ code: 0 });
  return JSON.parse(readFileSync(metadata, "utf8"))["containerimage.digest"];
}

describe.skipIf(!hasBuildx)("SOURCE_DATE_EPOCH", () => {
  test("with rewritten timestamps two builds without cache give one digest, which runs", async () => {
    const output = "--output=type=docker,name=same,rewrite-timestamp=true";
    const first = await build(output);
    const second = await build(output);
    expect(second).toBe(first);
    const shown = await engine.mustDocker(
      ...["run", "--rm", "same", "stat", "-c", "%Y %n", "/new/file", "/new", "/copied"],
    );
    expect(shown.split("\n")).toEqual([`${EPOCH} /new/file`, `${EPOCH} /new`, `${EPOCH} /copied`]);
  }, 90_000);

  test("without, the image's own times are that and its files' are docker's", async () => {
    await build("-t", "dated");
    const created = await engine.mustDocker("inspect", "-f", "{{.Created}}", "dated");
    expect(Date.parse(created)).toBe(EPOCH * 1000);
    const ages = await engine.mustDocker(
      "history",
      "--human=false",
      "--format={{.CreatedAt}}",
      "dated",
    );
    for (const age of ages.split("\n")) expect(Date.parse(age)).toBeLessThanOrEqual(EPOCH * 1000);
    const changed = await engine.mustDocker(
      "run",
      "--rm",
      "dated",
      "stat",
      "-c",
      "%Y",
      "/new/file",
    );
    expect(Number(changed)).toBeGreaterThan(EPOCH);
  }, 60_000);

  test("what is no date, and a rewriting without one, is refused", async () => {
    const bad = await engine.docker(["build", "--build-arg", "SOURCE_DATE_EPOCH=soon", folder]);
    expect(bad.stderr).toContain('invalid SOURCE_DATE_EPOCH: "soon"');
    const none = await engine.docker([
      ...["build", "--output=type=docker,name=none,rewrite-timestamp=true"],
      folder,
    ]);
    expect(none.stderr).toContain("Cannot rewrite timestamps: SOURCE_DATE_EPOCH is not given");
  }, 60_000);
});
