import { describe, expect, test } from "bun:test";
import { parseMountInfo } from "#host/linux/mounts/mountinfo.ts";
import { findHierarchies, parseControllers } from "./hierarchies.ts";

const CONTROLLERS = parseControllers(
  "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t1\t3\t1\ncpuacct\t2\t3\t1\nmemory\t4\t25\t1\n",
);

const V1 = `
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
90 60 0:32 / /var/lib/other/memory rw,relatime - cgroup cgroup rw,memory
`;
const UNIFIED = "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw,nsdelegate\n";

describe("findHierarchies()", () => {
  test("tells v1, hybrid and v2 apart", () => {
    const layout = (text: string): string =>
      findHierarchies(parseMountInfo(text), CONTROLLERS).layout;
    expect(layout(V1)).toBe("v1");
    expect(layout(V1 + UNIFIED)).toBe("hybrid");
    expect(layout(UNIFIED)).toBe("v2");
  });

  test("finds each controller's first mount, also of shared hierarchies", () => {
    const { v1, named, v2 } = findHierarchies(parseMountInfo(V1 + UNIFIED), CONTROLLERS);
    expect(Object.fromEntries(v1)).toEqual({
      cpu: "/sys/fs/cgroup/cpu,cpuacct",
      cpuacct: "/sys/fs/cgroup/cpu,cpuacct",
      memory: "/sys/fs/cgroup/memory",
    });
    expect(named).toEqual(["/sys/fs/cgroup/systemd"]);
    expect(v2).toBe("/sys/fs/cgroup/unified");
  });
});
