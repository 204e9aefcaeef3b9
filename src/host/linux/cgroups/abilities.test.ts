import { describe, expect, test } from "bun:test";
import { type CgroupTree, readAbilities } from "./abilities.ts";

/** A hierarchy in memory: absolute path of a file to its text. */
function treeOf(files: Readonly<Record<string, string>>): CgroupTree {
  const paths = Object.keys(files);
  return {
    read: (path) => files[path],
    exists: (path) => path in files,
    children: (path) => {
      const below = paths.filter((each) => each.startsWith(`${path}/`));
      const names = below.map((each) => each.slice(path.length + 1).split("/"));
      return [...new Set(names.filter(({ length }) => length > 1).map(([name = ""]) => name))];
    },
  };
}

const V2 = { layout: "v2", v1: new Map<string, string>(), named: [], v2: "/cg" } as const;

describe("readAbilities()", () => {
  test("finds what v1's controllers have files for", () => {
    const v1 = new Map([
      ["memory", "/cg/memory"],
      ["cpu", "/cg/cpu"],
      ["cpuset", "/cg/cpuset"],
      ["pids", "/cg/pids"],
    ]);
    const tree = treeOf({
      "/cg/memory/memory.limit_in_bytes": "",
      "/cg/memory/memory.soft_limit_in_bytes": "",
      "/cg/memory/memory.oom_control": "",
      "/cg/cpu/cpu.shares": "",
      "/cg/cpu/cpu.cfs_quota_us": "",
      "/cg/cpuset/cpuset.cpus": "0-3\n",
      "/cg/cpuset/cpuset.mems": "0\n",
    });
    expect(readAbilities({ layout: "hybrid", v1, named: [], v2: "/cg/unified" }, tree)).toEqual({
      cpus: "0-3",
      memoryNodes: "0",
      memory: true,
      memoryReservation: true,
      memorySwap: false,
      memorySwappiness: false,
      oomKillDisable: true,
      cpuShares: true,
      cpuQuota: true,
      cpuRealtime: false,
      pids: true,
      blockIoWeight: false,
      blockIoWeightDevice: false,
      blockIoThrottle: false,
    });
  });

  test("looks into a group of v2, as its root has no files for limits", () => {
    const root = {
      "/cg/cgroup.controllers": "cpuset cpu io memory pids\n",
      "/cg/cpuset.cpus.effective": "0-7\n",
      "/cg/cpuset.mems.effective": "0\n",
      "/cg/init.scope/cgroup.procs": "1\n",
    };
    const slice = {
      "/cg/system.slice/memory.max": "max\n",
      "/cg/system.slice/cpu.weight": "100\n",
      "/cg/system.slice/cpu.max": "max 100000\n",
      "/cg/system.slice/io.stat": "",
      "/cg/system.slice/io.max": "",
    };
    const swapless = readAbilities(V2, treeOf({ ...root, ...slice }));
    expect(swapless).toMatchObject({
      cpus: "0-7",
      memory: true,
      memorySwap: false,
      memorySwappiness: false,
      oomKillDisable: false,
      cpuQuota: true,
      cpuRealtime: false,
      blockIoThrottle: true,
    });
    const swap = { "/cg/system.slice/memory.swap.max": "max\n" };
    expect(readAbilities(V2, treeOf({ ...root, ...slice, ...swap })).memorySwap).toBe(true);
    // nobody has made a group yet: the kernels of our time have them all
    expect(readAbilities(V2, treeOf(root)).memorySwap).toBe(true);
  });

  test("has nothing where no controller is", () => {
    const none = readAbilities(V2, treeOf({ "/cg/cgroup.controllers": "\n" }));
    expect(Object.values(none).every((value) => value === false)).toBe(true);
  });
});
