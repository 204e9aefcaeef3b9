// The unmodified docker CLI prints here what it prints against a real docker (recorded: see
// test/harness/api/conformance.ts). The commands of a topic build on one another.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readConformanceCases, runConformanceCase } from "../../harness/api/conformance.ts";
import { hasDockerCli, startEngine, type TestEngine } from "../../harness/engine.ts";

let engine: TestEngine;
beforeAll(async () => {
  engine = await startEngine();
  await engine.mustDocker("tag", "busybox:latest", "conf-busybox:1");
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

const cases = readConformanceCases();
if (!hasDockerCli) test.skip("SKIP: the docker CLI is not installed", () => undefined);

const topics = hasDockerCli ? [...new Set(cases.map(({ topic }) => topic))] : [];
describe.each(topics)("%s", (topic) => {
  test.each(cases.filter((one) => one.topic === topic).map((one) => [one.command, one.expected]))(
    "%s",
    async (command, expected) => {
      expect(await runConformanceCase(command, engine.host)).toBe(expected);
    },
  );
});
