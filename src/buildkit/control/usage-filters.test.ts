import { expect, test } from "bun:test";
import type { UsageRecord } from "#spec/buildkit/control.ts";
import { usageFilter } from "./usage-filters.ts";

const RECORD: UsageRecord = {
  id: "abc",
  isMutable: false,
  isInUse: false,
  sizeBytes: 1,
  created: undefined,
  lastUsed: undefined,
  usageCount: 1,
  description: "RUN make all",
  recordType: "regular",
  isShared: true,
  parents: ["p"],
};

test("usageFilter() means what containerd's filters mean", () => {
  const isMeant = (...texts: readonly string[]): boolean => usageFilter(texts)(RECORD);
  const met = [
    [],
    [""],
    ["type==regular"],
    ["description~=make"],
    ['description=="RUN make all"'],
    ["type==regular,shared"],
    ["type!=exec.cachemount"],
    ["nonsense==1", "id==abc"],
    ["immutable"],
  ];
  expect(met.filter((texts) => !isMeant(...texts))).toEqual([]);
  const not = [
    ["nonsense==1"],
    ["type==regular,private"],
    ["inuse"],
    ["inuse==false"],
    ["mutable"],
  ];
  expect(not.filter((texts) => isMeant(...texts))).toEqual([]);
  for (const text of ["type===regular", "=a", "a==b,", "id~=["]) {
    expect(() => usageFilter([text])).toThrow("failed to parse diskusage filters");
  }
});
