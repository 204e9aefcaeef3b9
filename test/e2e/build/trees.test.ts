// From the same Dockerfile and files our engine makes, by each of its doors, the files that docker 28 makes: names, kinds, modes,
// owners, times, contents, links, attributes, and what is gone. Expected results: scripts/refresh-trees.ts.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { addBuildx, hasBuildx } from "../../harness/build/buildx.ts";
import { hasDockerCli, startEngine, type TestEngine } from "../../harness/engine.ts";
import { runTreeCase, type TreeCase, type TreeClient } from "../../harness/build/tree-case.ts";

const cases = JSON.parse(
  readFileSync(new URL("testdata/trees.json", import.meta.url), "utf8"),
) as readonly TreeCase[];

let engine: TestEngine;
let client: TreeClient;

beforeAll(async () => {
  engine = await startEngine();
  addBuildx(engine);
  client = {
    docker: (args, env = {}) => engine.docker(args, { env }),
    wharf: (args) => engine.wharf(args),
  };
});

afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

/** Every other case by one of the doors; in the long run each by all of them. */
const isLong = process.env["WHARF_TEST_LONG"] === "1";

describe.each([
  ["classic", hasDockerCli],
  ["buildkit", hasBuildx],
  ["wharf", true],
] as const)("by %s the files are what docker 28 makes of", (door, isThere) => {
  const place = ["classic", "buildkit", "wharf"].indexOf(door);
  const own = [...cases.entries()].filter(([index]) => isLong || index % 6 === place * 2);
  test.skipIf(!isThere).each(own.map(([index, one]) => [one.name, one, index] as const))(
    "%s",
    async (_, one, index) => {
      const made = await runTreeCase(client, one, door, `tree:${index}`);
      expect(made).toEqual(one[one.ours ?? "buildkit"] ?? { ok: false });
    },
    60_000,
  );
});
