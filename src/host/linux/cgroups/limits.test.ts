import { expect, test } from "bun:test";
import type { CgroupLimit } from "#host/cgroups.ts";
import { planLimitsV1, planLimitsV2 } from "./limits.ts";

const LIMITS: readonly CgroupLimit[] = [
  { kind: "readBytes", major: 8, minor: 0, rate: 1_048_576 },
  { kind: "writeOperations", major: 254, minor: 16, rate: 0 },
  { kind: "anyProcesses" },
];

test("planLimitsV1() has a file for each kind and 0 for none", () => {
  expect(planLimitsV1(LIMITS)).toEqual([
    { controller: "blkio", file: "blkio.throttle.read_bps_device", text: "8:0 1048576" },
    { controller: "blkio", file: "blkio.throttle.write_iops_device", text: "254:16 0" },
    { controller: "pids", file: "pids.max", text: "max" },
  ]);
});

test("planLimitsV2() has one file with a key for each kind, and max for none", () => {
  expect(planLimitsV2(LIMITS).map(({ file, text }) => `${file} ${text}`)).toEqual([
    "io.max 8:0 rbps=1048576",
    "io.max 254:16 wiops=max",
    "pids.max max",
  ]);
});
