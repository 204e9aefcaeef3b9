import { describe, expect, test } from "bun:test";
import { parseContainerCreate } from "#spec/engine-api/container-create.ts";
import type { HostConfig } from "#spec/engine-api/host-config.ts";
import type { CgroupAbilities } from "#host/cgroups.ts";
import { FAKE_ABILITIES } from "#host/fake/cgroups.ts";
import { fitLimits } from "./host-limits.ts";

const OLD_KERNEL = {
  ...FAKE_ABILITIES,
  cpus: "0-1,4",
  blockIoWeight: false,
  blockIoWeightDevice: false,
};

function hostConfig(body: object): HostConfig {
  return parseContainerCreate({ Image: "x", HostConfig: body }).hostConfig;
}

describe("fitLimits()", () => {
  test("asks nothing of the host for a container without limits", () => {
    const wanted = hostConfig({});
    const never = (): never => expect.unreachable();
    expect(fitLimits(wanted, never)).toEqual({ limits: wanted, warnings: [] });
  });

  test("discards weights of block I/O where the kernel has none, and says so", () => {
    const wanted = hostConfig({
      BlkioWeight: 500,
      BlkioWeightDevice: [{ Path: "/dev/vda", Weight: 200 }],
      CpuShares: 10,
    });
    const { limits: fitted, warnings } = fitLimits(wanted, () => OLD_KERNEL);
    expect(fitted).toEqual({ ...wanted, BlkioWeight: 0, BlkioWeightDevice: [] });
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toContain("Weight discarded");
    expect(fitLimits(wanted, () => FAKE_ABILITIES)).toEqual({ limits: wanted, warnings: [] });
  });

  test("takes CPUs and memory nodes that are there, and names them when they are not", () => {
    for (const CpusetCpus of ["", "0", "0-1", "1,4", "4"]) {
      expect(fitLimits(hostConfig({ CpusetCpus }), () => OLD_KERNEL).warnings).toEqual([]);
    }
    for (const CpusetCpus of ["9", "0-2", "1-4", "0,3"]) {
      expect(() => fitLimits(hostConfig({ CpusetCpus }), () => OLD_KERNEL)).toThrow(
        `Requested CPUs are not available - requested ${CpusetCpus}, available: 0-1,4`,
      );
    }
    const memory = { ...OLD_KERNEL, memoryNodes: "0" };
    expect(() => fitLimits(hostConfig({ CpusetMems: "1" }), () => memory)).toThrow(
      "Requested memory nodes are not available - requested 1, available: 0",
    );
    const { cpus: _, ...none } = OLD_KERNEL;
    expect(fitLimits(hostConfig({ CpusetCpus: "1" }), () => none).warnings).toEqual([
      "Your kernel does not support cpuset or the cgroup is not mounted. Cpuset discarded.",
    ]);
  });
});

describe("fitLimits() on other kernels", () => {
  const nothing: CgroupAbilities = {
    memory: false,
    memoryReservation: false,
    memorySwap: false,
    memorySwappiness: false,
    oomKillDisable: false,
    cpuShares: false,
    cpuQuota: false,
    cpuRealtime: false,
    pids: false,
    blockIoWeight: false,
    blockIoWeightDevice: false,
    blockIoThrottle: false,
  };

  test("leaves out, with a warning each, what a kernel without controllers cannot keep", () => {
    const device = [{ Path: "/dev/vda", Rate: 1 }];
    const { limits, warnings } = fitLimits(
      {
        Memory: 6_291_456,
        MemorySwap: 6_291_456,
        MemorySwappiness: 0,
        MemoryReservation: 6_291_456,
        OomKillDisable: true,
        PidsLimit: 5,
        CpuShares: 5,
        CpuQuota: 5000,
        CpusetCpus: "0",
        BlkioDeviceReadBps: device,
        BlkioDeviceWriteIOps: device,
      },
      () => nothing,
    );
    expect(warnings).toHaveLength(11);
    expect(limits).toMatchObject({ Memory: 0, MemorySwap: -1, PidsLimit: null, CpusetCpus: "" });
    expect(fitLimits({ CpuShares: 0 }, () => nothing)).toEqual({
      limits: { CpuShares: 0 },
      warnings: [],
    });
  });

  test("refuses what Docker refuses: real-time scheduling and --cpus", () => {
    expect(() => fitLimits({ CpuRealtimeRuntime: 1 }, () => FAKE_ABILITIES)).toThrow(
      "Your kernel does not support CPU real-time scheduler",
    );
    expect(() => fitLimits({ NanoCpus: 1 }, () => nothing)).toThrow("NanoCPUs can not be set");
  });
});
