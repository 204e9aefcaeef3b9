import { expect, test } from "bun:test";
import { parseStorageOptions } from "./storage-options.ts";

test("parseStorageOptions() knows each driver's own options", () => {
  expect(parseStorageOptions("btrfs", ["btrfs.min_space=1g"])).toEqual({
    minSpaceBytes: 1024 ** 3,
    warnings: [],
  });
  expect(parseStorageOptions("overlay2", ["overlay2.override_kernel_check=true"]).warnings).toEqual(
    [
      "The setting overlay2.override_kernel_check has no effect: every kernel that Wharf runs on will do",
    ],
  );
  expect(parseStorageOptions("overlay2", ["overlay2.size=0"]).warnings).toEqual([]);
});

test("parseStorageOptions() refuses what it does not know and cannot keep", () => {
  const refused = (option: string): unknown => parseStorageOptions("overlay2", [option]);
  expect(() => refused("overlay2.size=10G")).toThrow("does not support Project Quota");
  expect(() => refused("overlay2.size=ten")).toThrow("invalid size");
  expect(() => refused("dm.fs=xfs")).toThrow("overlay2: unknown option dm.fs");
  expect(() => refused("size")).toThrow("unable to parse storage-opt option: size");
  expect(() => refused("overlay2.override_kernel_check=maybe")).toThrow("want true or false");
  expect(() => parseStorageOptions("vfs", ["size=1g"])).toThrow("has not enabled quotas");
});
