import { expect, test } from "bun:test";
import { type CacheLimits, keptBytes } from "./limits.ts";

const DISK = { usedBytes: 500, freeBytes: 100 };

test.each<[string, CacheLimits, number | undefined]>([
  ["nothing is said", {}, undefined],
  ["zeros say nothing", { reservedBytes: 0, maxUsedBytes: 0, minFreeBytes: 0 }, undefined],
  ["what is reserved", { reservedBytes: 300 }, 300],
  ["what may be used", { maxUsedBytes: 200 }, 200],
  ["no less than what is reserved", { maxUsedBytes: 200, reservedBytes: 300 }, 300],
  ["all, where enough is free", { minFreeBytes: 100 }, Infinity],
  ["what is left when enough is free", { minFreeBytes: 250 }, 350],
  ["the narrower of both", { minFreeBytes: 250, maxUsedBytes: 400 }, 350],
  ["the narrower of both, the other way round", { minFreeBytes: 250, maxUsedBytes: 50 }, 50],
  ["what is reserved, though too little is free", { minFreeBytes: 900, reservedBytes: 80 }, 80],
  ["nothing, where all of it is not enough", { minFreeBytes: 900 }, 0],
])("keptBytes(): %s", (_, limits, expected) => {
  expect(keptBytes(limits, DISK)).toBe(expected);
});
