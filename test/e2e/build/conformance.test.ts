// From the same Dockerfile and files our engine makes the image that docker 28's classic builder makes: the same
// configuration, and files of the same names, modes, owners and contents. Expected results: scripts/refresh-builds.ts.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { type BuildCase, classicDocker, runBuildCase } from "../../harness/build/build-case.ts";
import { hasDockerCli, startEngine, type TestEngine } from "../../harness/engine.ts";

const cases = JSON.parse(
  readFileSync(new URL("testdata/builds.json", import.meta.url), "utf8"),
) as readonly BuildCase[];

let engine: TestEngine;
let docker: ReturnType<typeof classicDocker>;

beforeAll(async () => {
  engine = await startEngine();
  docker = classicDocker(engine.host);
});

afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

describe.skipIf(!hasDockerCli)("an image is what docker 28 makes of", () => {
  test.each(cases.map((one, index) => [one.dockerfile.join(" ⏎ "), one, index] as const))(
    "%s",
    async (_, one, index) => {
      const made = await runBuildCase(docker, one, `case:${index}`);
      expect(made).toEqual(one.expected ?? { ok: false });
    },
    60_000,
  );
});
