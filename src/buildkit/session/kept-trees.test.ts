import { afterEach, beforeEach, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KeptTrees } from "./kept-trees.ts";

const HOUR_MS = 3_600_000;
let directory = "";
let nowMs = 0;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "wharf-kept-"));
  nowMs = 1_700_000_000_000;
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

function open(allMaxBytes?: number): KeptTrees {
  const clock = { nowMs: () => nowMs };
  return new KeptTrees({
    directory,
    randomBytes,
    clock,
    ...(allMaxBytes === undefined ? {} : { allMaxBytes }),
  });
}

/** A build that is sent one file of so many bytes. */
async function build(trees: KeptTrees, key: string, sizeBytes: number): Promise<void> {
  const tree = trees.take(key, `local source for ${key}`);
  tree.begin();
  writeFileSync(join(tree.path, "file"), "x");
  tree.keep(
    new Map([["file", { kind: "file", bits: 0o644, sizeBytes, modified: "1", linkName: "" }]]),
  );
  await tree.release();
}

function kept(trees: KeptTrees): readonly string[] {
  return trees
    .list()
    .map(({ description }) => description)
    .toSorted();
}

test("KeptTrees tells what it keeps, and removes what no build uses", async () => {
  const trees = open();
  await build(trees, "a", 10);
  nowMs += 1000;
  await build(trees, "a", 20);
  expect(trees.list()).toEqual([
    {
      id: expect.any(String),
      description: "local source for a",
      sizeBytes: 20,
      createdMs: 1_700_000_000_000,
      lastUsedMs: 1_700_000_001_000,
      usageCount: 2,
      isInUse: false,
    },
  ]);
  const [{ id } = { id: "" }] = trees.list();
  const held = trees.take("a", "local source for a");
  expect(await trees.remove(id)).toBe(false);
  await held.release();
  expect(await trees.remove(id)).toBe(true);
  expect(await trees.remove("../locals")).toBe(false);
  expect(readdirSync(directory)).toEqual([]);
});

test("KeptTrees.collect() lets the oldest go, by age over 512 MB and in any case over the limit of all", async () => {
  const trees = open(2_000_000_000);
  await build(trees, "old", 400_000_000);
  nowMs += HOUR_MS;
  await build(trees, "older", 300_000_000);
  nowMs += 50 * HOUR_MS;
  await build(trees, "new", 600_000_000);
  // the two old ones are over 512 MB with it, and so is one of them
  expect(kept(trees)).toEqual(["local source for new"]);
  nowMs += 1000;
  await build(trees, "large", 1_500_000_000);
  expect(kept(trees)).toEqual(["local source for large"]);
});

test("what a build leaves unfinished is kept for nobody", async () => {
  const trees = open();
  await build(trees, "a", 10);
  const broken = trees.take("a", "local source for a");
  broken.begin();
  await broken.release();
  expect(readdirSync(directory)).toEqual([]);
  const killed = trees.take("b", "local source for b");
  writeFileSync(join(killed.path, "half"), "");
  open();
  expect(existsSync(killed.path)).toBe(false);
});
