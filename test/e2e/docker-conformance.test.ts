// The unmodified docker CLI prints here what it prints against a real docker (recorded: see
// test/harness/conformance.ts). The commands of a topic build on one another.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readConformanceCases, runConformanceCase } from "../harness/conformance.ts";
import { type TestEngine, startEngine } from "../harness/engine.ts";

let engine: TestEngine;
beforeAll(async () => {
  engine = await startEngine();
  await engine.mustDocker("tag", "busybox:latest", "conf-busybox:1");
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

const cases = readConformanceCases();
describe.each([...new Set(cases.map(({ topic }) => topic))])("%s", (topic) => {
  test.each(cases.filter((one) => one.topic === topic).map((one) => [one.command, one.expected]))(
    "%s",
    async (command, expected) => {
      expect(await runConformanceCase(command, engine.host)).toBe(expected);
    },
  );
});
