// A container is not as its user wants it: `wharf why` says what happened and how to mend it.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { startEngine, type TestEngine } from "../../harness/engine.ts";

let engine: TestEngine;
beforeAll(async () => {
  engine = await startEngine();
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

test("killed for want of memory: the limit, and a command with more of it", async () => {
  const script = 'x=$(head -c 80m /dev/zero | tr "\\0" x)';
  await engine.wharf(["run", "--name", "greedy", "-m", "16m", "busybox", "sh", "-c", script]);
  const text = await engine.mustWharf("why", "greedy");
  expect(text).toContain("greedy exited with code 137");
  expect(text).toContain("its limit of 16MiB of memory");
  expect(text).toContain("wharf update --memory 33554432");
});

test("a stop that took the whole grace period: which program ignores which signal", async () => {
  const script = "trap '' TERM; echo ready; while :; do sleep 0.1; done";
  await engine.mustWharf("run", "-d", "--name", "deaf", "busybox", "sh", "-c", script);
  await engine.mustWharf("stop", "-t", "1", "deaf");
  const text = await engine.mustWharf("why", "deaf");
  expect(text).toContain('"sh" did not end on SIGTERM: after 1 seconds it was killed');
  expect(text).toContain("--init");
  expect(text).toContain("  ready");
});

test("its own last words, also as JSON; an image that moved on", async () => {
  await engine.wharf(["run", "--name", "sad", "busybox", "sh", "-c", "echo no table; exit 3"]);
  const text = await engine.mustWharf("why", "sad");
  expect(text).toContain("ended itself with code 3; its last line: no table");
  const json = JSON.parse(await engine.mustWharf("why", "--format", "json", "sad")) as object;
  expect(json).toMatchObject({ evidence: ["exit code 3"], lastLines: ["no table"] });
  expect((await engine.wharf(["why", "nobody"])).stderr).toContain("No such container: nobody");
});

test("a start that failed, and one that nobody asked for", async () => {
  await engine.wharf(["run", "--name", "lost", "busybox", "/no/such/program"]);
  expect(await engine.mustWharf("why", "lost")).toMatch(
    /could not be started: .*\/no\/such\/program/,
  );
  await engine.mustWharf("create", "--name", "idle", "busybox");
  expect(await engine.mustWharf("why", "idle")).toContain("Nobody has started it");
});
