import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startEngine, type TestEngine } from "../../harness/engine.ts";
import { waitUntil } from "../../harness/wait-until.ts";

// The user's story: old images go by a policy, which was looked at before it was let loose.

let folder: string;
let engine: TestEngine;

beforeAll(async () => {
  folder = mkdtempSync("/var/tmp/wharf-gc-");
  const file = join(folder, "daemon.json");
  const policy = { "unused-for": "1ms", "keep-per-repository": 1, every: "1s" };
  writeFileSync(file, "{}");
  engine = await startEngine({ flags: ["--config-file", file] });
  for (const tag of ["app:1", "app:2", "tool:1"]) {
    await engine.mustWharf("commit", "-m", tag, await containerOf("busybox"), tag);
  }
  writeFileSync(file, JSON.stringify({ "image-gc": policy }));
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

async function containerOf(image: string): Promise<string> {
  return await engine.mustWharf("create", image);
}

async function tags(): Promise<readonly string[]> {
  const text = await engine.mustWharf("images", "--format", "{{.Repository}}:{{.Tag}}");
  return text.split("\n").toSorted();
}

const ALL = ["app:1", "app:2", "busybox:latest", "tool:1"];

test("nothing is removed where no policy says so", async () => {
  const { exitCode, stderr } = await engine.wharf(["image", "gc"]);
  expect(exitCode).not.toBe(0);
  expect(stderr).toContain("No policy says which images may go");
  expect(await tags()).toEqual(ALL);
});

test("a policy can be tried before: what it would take is shown, and stays", async () => {
  const shown = await engine.mustWharf("image", "gc", "--unused-for", "1ms", "--keep", "1");
  expect(shown).toMatch(/^IMAGE +UNUSED FOR +RULE\napp:1 +.+ +age\n/);
  expect(shown).toContain("Would be removed: 1 image,");
  expect(await tags()).toEqual(ALL);
  const none = await engine.mustWharf("image", "gc", "--min-free", "1");
  expect(none).toContain("Would be removed: 0 images");
  const { stderr } = await engine.wharf(["image", "gc", "--unused-for", "soon"]);
  expect(stderr).toContain('invalid duration "soon"');
});

test("what a container was made from stays", async () => {
  const id = await containerOf("app:1");
  const shown = await engine.mustWharf("image", "gc", "--unused-for", "1ms", "--keep", "1");
  expect(shown).toContain("Would be removed: 0 images");
  await engine.mustWharf("rm", id);
});

test("--force removes them", async () => {
  const gone = await engine.mustWharf("image", "gc", "-f", "--keep", "1");
  expect(gone).toContain("Removed: 1 image,");
  expect(await tags()).toEqual(ALL.filter((tag) => tag !== "app:1"));
});

test("the engine removes them by itself where daemon.json says so", async () => {
  await engine.mustWharf("tag", "tool:1", "app:0");
  await engine.mustWharf("tag", "busybox", "app:3");
  await engine.restart();
  await waitUntil("app:2 is gone", async () => !(await tags()).includes("app:2"));
  expect(await tags()).toEqual(["app:0", "app:3", "busybox:latest", "tool:1"]);
});
