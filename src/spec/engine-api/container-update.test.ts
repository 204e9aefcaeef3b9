import { describe, expect, test } from "bun:test";
import { parseContainerUpdate } from "./container-update.ts";
import { parseApiVersion } from "./version.ts";

const MIB = 1024 * 1024;

describe("parseContainerUpdate()", () => {
  test("keeps only what was given", () => {
    const limits = (body: unknown) => parseContainerUpdate(body).resources;
    expect(limits({ Memory: 0, CpuShares: 512, CpusetCpus: "" })).toEqual({ CpuShares: 512 });
    expect(limits({ PidsLimit: 7 })).toEqual({ PidsLimit: 7 });
    expect(limits({ PidsLimit: 0 })).toEqual({ PidsLimit: null });
    expect(limits({ PidsLimit: -7 })).toEqual({ PidsLimit: null });
    expect(limits({ PidsLimit: null })).toEqual({});
    expect(parseContainerUpdate(null)).toEqual({
      resources: {},
      labels: { add: {}, remove: [] },
      ports: { add: {}, remove: {} },
      environment: { add: [], remove: [] },
      mounts: { add: [], remove: [] },
      aliases: new Map(),
      warnings: [],
    });
    const taking = parseContainerUpdate({
      Endpoints: { front: { Aliases: ["web"] }, back: null },
      TakeOverFrom: "old",
    });
    expect(taking.takeOverFrom).toBe("old");
    expect([...taking.aliases]).toEqual([
      ["front", ["web"]],
      ["back", []],
    ]);
    expect(() => parseContainerUpdate({ Endpoints: { front: { Aliases: [""] } } })).toThrow(
      "invalid alias",
    );
    expect(parseContainerUpdate({ RestartPolicy: { Name: "always" } }).restartPolicy?.Name).toBe(
      "always",
    );
  });

  test("reads what Docker cannot change", () => {
    const request = parseContainerUpdate({
      AddLabels: { a: "1" },
      RemoveLabels: ["b"],
      AddPortBindings: { "80": [{ HostIp: "", HostPort: "8080" }] },
      RemovePortBindings: { "53/udp": [{}] },
      AddEnv: ["A=1"],
      RemoveEnv: ["B"],
      AddMounts: [{ Type: "volume", Source: "data", Target: "/data/" }],
      RemoveMounts: ["/old/"],
    });
    expect(request.ports).toEqual({
      add: { "80/tcp": [{ HostIp: "", HostPort: "8080" }] },
      remove: { "53/udp": [{ HostIp: "", HostPort: "" }] },
    });
    expect(request.environment).toEqual({ add: ["A=1"], remove: ["B"] });
    expect(request.mounts.remove).toEqual(["/old"]);
    expect(request.mounts.add).toMatchObject([{ Type: "volume", Source: "data" }]);
    expect(request.labels).toEqual({ add: { a: "1" }, remove: ["b"] });
  });

  test.each([
    [{ CpuShares: "x" }, "string into Go struct field .CpuShares of type int64"],
    [{ RestartPolicy: { Name: "foo" } }, "unknown policy 'foo'"],
    [{ Memory: 1 }, "Minimum memory limit allowed is 6MB"],
    [{ MemoryReservation: MIB }, "Minimum memory reservation allowed is 6MB"],
    [{ CpuQuota: 500 }, "CPU cfs quota can not be less than 1ms (i.e. 1000)"],
    [{ NanoCpus: 9e9 }, "range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available"],
    [{ CpuRealtimePeriod: 1, CpuRealtimeRuntime: 2 }, "cpu real-time runtime cannot be higher"],
    [{ IOMaximumIOps: 3 }, "Invalid QoS settings: linux does not support Maximum IO Bandwidth"],
    [{ MemorySwappiness: 500 }, "Invalid value: 500, valid memory swappiness range is 0-100"],
    [{ AddPortBindings: { x: [] } }, 'invalid port specification: "x"'],
    [{ AddEnv: ["=1"] }, "invalid environment variable: =1"],
    [{ RemoveEnv: ["A=1"] }, 'invalid environment variable name: "A=1"'],
    [{ AddLabels: { "": "x" } }, "invalid label: the name is empty"],
    [{ RemoveMounts: ["data"] }, 'invalid mount target "data"'],
    [
      {
        AddMounts: [
          { Type: "tmpfs", Target: "/a" },
          { Type: "tmpfs", Target: "/a/" },
        ],
      },
      "Duplicate mount point: /a",
    ],
  ])("refuses %j", (body, message) => {
    expect(() => parseContainerUpdate(body, { cpuCount: 2 })).toThrow(message);
  });

  test("says what it discards", () => {
    expect(parseContainerUpdate({ CgroupParent: "/x", Devices: [] }).warnings).toEqual([
      "CgroupParent is fixed when a container is created. CgroupParent discarded.",
    ]);
    const old = { apiVersion: parseApiVersion("1.41") };
    expect(parseContainerUpdate({ KernelMemory: 50 * MIB }, old).warnings[0]).toContain(
      "Your kernel does not support kernel memory limit",
    );
    expect(() => parseContainerUpdate({ KernelMemory: 5 }, old)).toThrow(
      "Minimum kernel memory limit allowed is 6MB",
    );
    expect(parseContainerUpdate({ KernelMemory: 5 }).warnings).toEqual([]);
    const veryOld = { apiVersion: parseApiVersion("1.39") };
    expect(parseContainerUpdate({ PidsLimit: 7 }, veryOld).resources).toEqual({});
  });
});
