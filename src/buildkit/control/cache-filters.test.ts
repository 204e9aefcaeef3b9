import { expect, test } from "bun:test";
import { cacheFilters } from "./cache-filters.ts";

test("what buildx sends becomes the builder's filters", () => {
  expect(cacheFilters([""], 0n)).toEqual(new Map());
  expect(cacheFilters(["type==regular", "type==exec.cachemount"], 3_600_000_000_000n)).toEqual(
    new Map([
      ["type", ["regular", "exec.cachemount"]],
      ["until", ["3600s"]],
    ]),
  );
  expect(cacheFilters(["shared"], 0n)).toEqual(new Map([["shared", ["true"]]]));
});

test("what cannot be said so is refused, and nothing is passed over", () => {
  for (const texts of [["id~=a"], ["nonsense==1"], ["type==a,shared"], ["type==a", "id==b"]]) {
    expect(() => cacheFilters(texts, 0n)).toThrow("Cannot filter the build cache by");
  }
});
