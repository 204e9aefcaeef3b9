import { expect, test } from "bun:test";
import type { CacheRecord } from "#builder/builder.ts";
import { planCachePrune } from "./prune.ts";

const SECOND = 1000;

function record(id: string, more: Partial<CacheRecord> = {}): CacheRecord {
  return {
    id,
    type: "regular",
    description: `RUN ${id}`,
    parents: [],
    sizeBytes: 100,
    isInUse: false,
    isShared: false,
    createdMs: 0,
    usageCount: 1,
    ...more,
  };
}

const records = [
  record("a", { lastUsedMs: 30 * SECOND }),
  record("b", { lastUsedMs: 10 * SECOND }),
  record("c", { isShared: true, lastUsedMs: 20 * SECOND }),
  record("d", { isInUse: true }),
  record("e", { type: "exec.cachemount", lastUsedMs: 40 * SECOND }),
];

function plan(request: Partial<Parameters<typeof planCachePrune>[1]>): readonly string[] {
  const whole = { all: false, filters: new Map(), ...request };
  return planCachePrune(records, whole, { timeNanos: 60n * 1_000_000_000n, freeBytes: 1000 }).map(
    ({ id }) => id,
  );
}

test.each<[string, Partial<Parameters<typeof planCachePrune>[1]>, readonly string[]]>([
  ["nothing in use and nothing shared goes, oldest first", {}, ["b", "a", "e"]],
  ["with all what images share goes too", { all: true }, ["b", "c", "a", "e"]],
  ["until takes what was not used since", { filters: new Map([["until", ["45s"]]]) }, ["b"]],
  ["a type is wanted", { filters: new Map([["type", ["exec.cachemount"]]]) }, ["e"]],
  ["an id is wanted", { filters: new Map([["id", ["a"]]]) }, ["a"]],
  ["a description is wanted", { filters: new Map([["description", ["RUN b"]]]) }, ["b"]],
  ["so much may stay", { limits: { reservedBytes: 300 } }, ["b", "a"]],
  ["so much is to be free", { limits: { minFreeBytes: 1150 } }, ["b", "a"]],
  ["all may stay", { limits: { reservedBytes: 500 } }, []],
])("planCachePrune(): %s", (_, request, expected) => {
  expect(plan(request)).toEqual([...expected]);
});
