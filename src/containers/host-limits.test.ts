import { describe, expect, test } from "bun:test";
import { parseContainerCreate } from "#spec/engine-api/container-create.ts";
import type { HostConfig } from "#spec/engine-api/host-config.ts";
import { fitToHost } from "./host-limits.ts";

const OLD_KERNEL = { cpus: "0-1,4", blockIoWeight: false, blockIoWeightDevice: false };

function hostConfig(body: object): HostConfig {
  return parseContainerCreate({ Image: "x", HostConfig: body }).hostConfig;
}

describe("fitToHost()", () => {
  test("discards weights of block I/O where the kernel has none, and says so", () => {
    const wanted = hostConfig({
      BlkioWeight: 500,
      BlkioWeightDevice: [{ Path: "/dev/vda", Weight: 200 }],
      CpuShares: 10,
    });
    const { hostConfig: fitted, warnings } = fitToHost(wanted, OLD_KERNEL);
    expect(fitted).toEqual({ ...wanted, BlkioWeight: 0, BlkioWeightDevice: [] });
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toContain("Weight discarded");
    const able = { blockIoWeight: true, blockIoWeightDevice: true };
    expect(fitToHost(wanted, able)).toEqual({ hostConfig: wanted, warnings: [] });
  });

  test("takes CPUs and memory nodes that are there, and names them when they are not", () => {
    for (const CpusetCpus of ["", "0", "0-1", "1,4", "4"]) {
      expect(fitToHost(hostConfig({ CpusetCpus }), OLD_KERNEL).warnings).toEqual([]);
    }
    for (const CpusetCpus of ["9", "0-2", "1-4", "0,3"]) {
      expect(() => fitToHost(hostConfig({ CpusetCpus }), OLD_KERNEL)).toThrow(
        `Requested CPUs are not available - requested ${CpusetCpus}, available: 0-1,4`,
      );
    }
    const memory = { ...OLD_KERNEL, memoryNodes: "0" };
    expect(() => fitToHost(hostConfig({ CpusetMems: "1" }), memory)).toThrow(
      "Requested memory nodes are not available - requested 1, available: 0",
    );
    expect(fitToHost(hostConfig({ CpusetMems: "1" }), OLD_KERNEL).warnings).toEqual([]);
  });
});
