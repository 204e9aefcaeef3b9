import { expect, test } from "bun:test";
import { digestOf } from "#spec/digest.ts";
import { Builds } from "./builds.ts";
import { RunningBuild } from "./running-build.ts";

const never = new AbortController().signal;

function newBuild(ref: string): RunningBuild {
  return new RunningBuild({
    ref,
    session: undefined,
    entitlements: [],
    cacheImports: [],
    signal: never,
  });
}

async function readAll(build: RunningBuild): Promise<number> {
  let batches = 0;
  for await (const _ of build.progress.read(never)) batches++;
  return batches;
}

test("progress that is asked for when the build is over comes whole, and ends", async () => {
  const builds = new Builds();
  const build = newBuild("a");
  const added = builds.add(build);
  build.progress.take({
    type: "vertex",
    vertex: { id: digestOf("x"), name: "x", inputs: [], isCached: false },
  });
  added[Symbol.dispose]();
  await build[Symbol.asyncDispose]();
  const found = await builds.find("a", never);
  expect(found).toBe(build);
  expect(await readAll(found)).toBe(1);
});

test("a call that comes before its build waits for it; a name is free again when the build has ended", async () => {
  const builds = new Builds();
  const waiting = builds.find("a", never);
  const first = newBuild("a");
  const added = builds.add(first);
  expect(await waiting).toBe(first);
  expect(() => builds.add(newBuild("a"))).toThrow("build a is running already");
  added[Symbol.dispose]();
  const second = newBuild("a");
  using _again = builds.add(second);
  expect(await builds.find("a", never)).toBe(second);
});
