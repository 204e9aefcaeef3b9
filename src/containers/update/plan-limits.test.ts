import { describe, expect, test } from "bun:test";
import { parseContainerCreate } from "#spec/engine-api/container-create.ts";
import type { HostConfig } from "#spec/engine-api/host-config.ts";
import { mergeLimits } from "./merge-limits.ts";
import { planLimits } from "./plan-limits.ts";

const MIB = 1024 * 1024;
const ABILITIES = { cpus: "0-3", memoryNodes: "0" };
const NUMBERS = new Map([["/dev/vda", [254, 0] as const]]);

function config(body: object): HostConfig {
  return parseContainerCreate({ Image: "x", HostConfig: body }).hostConfig;
}

describe("planLimits()", () => {
  const plan = (before: object, after: object) =>
    planLimits(config(before), config(after), NUMBERS, ABILITIES);

  test("writes memory and swap together, as one bounds the other", () => {
    expect(plan({ Memory: 64 * MIB }, { Memory: 32 * MIB, MemorySwap: 128 * MIB })).toEqual({
      memory: { limit: 32 * MIB, swap: 128 * MIB },
    });
  });

  test("writes --cpus as quota and period, and leaves alone what stays", () => {
    expect(plan({ Memory: 64 * MIB }, { Memory: 64 * MIB, NanoCpus: 5e8 })).toEqual({
      cpu: { period: 100_000, quota: 50_000 },
    });
    expect(plan({ CpuShares: 5 }, { CpuShares: 5 })).toBeUndefined();
  });

  test("writes the kernel's defaults for what falls away", () => {
    const all = {
      Memory: 64 * MIB,
      MemoryReservation: 32 * MIB,
      NanoCpus: 5e8,
      CpuShares: 5,
      CpusetCpus: "0",
      CpusetMems: "0",
      PidsLimit: 5,
      BlkioDeviceReadBps: [{ Path: "/dev/vda", Rate: 5 }],
    };
    expect(plan(all, {})).toEqual({
      memory: { limit: -1, swap: -1, reservation: -1 },
      cpu: { shares: 1024, period: 100_000, quota: -1, cpus: "0-3", mems: "0" },
      pids: { limit: -1 },
      blockIO: { throttleReadBpsDevice: [{ major: 254, minor: 0, rate: 0 }] },
    });
  });
});

describe("mergeLimits()", () => {
  test.each([
    [{ Memory: 64 * MIB }, { Memory: 256 * MIB }, "update the memoryswap at the same time"],
    [{}, { Memory: 64 * MIB }, "update the memoryswap at the same time"],
    [{ Memory: 64 * MIB }, { MemorySwap: 32 * MIB }, "Minimum memoryswap limit should be larger"],
    [{}, { MemorySwap: 32 * MIB }, "You should always set the Memory limit when using Memoryswap"],
    [{ CpuPeriod: 5000 }, { NanoCpus: 1 }, "Nano CPUs cannot be updated as CPU Period"],
    [{ CpuQuota: 5000 }, { NanoCpus: 1 }, "Nano CPUs cannot be updated as CPU Quota"],
    [{ NanoCpus: 5e8 }, { CpuQuota: 5000 }, "CPU Quota cannot be updated as NanoCPUs"],
  ])("%j refuses %j", (have, wanted, message) => {
    expect(() => mergeLimits(config(have), wanted)).toThrow(message);
  });

  test("puts the wanted over what is there", () => {
    const merged = mergeLimits(config({ Memory: 64 * MIB, NanoCpus: 5e8 }), {
      Memory: 128 * MIB,
      NanoCpus: 1e9,
    });
    expect(merged).toMatchObject({ Memory: 128 * MIB, MemorySwap: 128 * MIB, NanoCpus: 1e9 });
    expect(mergeLimits(config({ Memory: 64 * MIB }), { MemorySwap: -1 }).MemorySwap).toBe(-1);
  });
});
