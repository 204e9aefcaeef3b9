import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { ConflictError, InternalError } from "#base/errors.ts";
import type { SpawnedProcess } from "#host/processes.ts";
import { openLinuxHost } from "./host.ts";

const host = await openLinuxHost();
const { cgroups, processes } = host;

/** Hierarchies that the test makes its groups in. */
const ROOTS =
  cgroups.layout === "v2"
    ? ["/sys/fs/cgroup"]
    : ["memory", "pids", "cpu", "cpuacct", "freezer"].map((name) => `/sys/fs/cgroup/${name}`);
const PATH = `/wharf-test-${process.pid}`;

function join(group: string, pid: number): void {
  for (const root of ROOTS) writeFileSync(`${root}${group}/cgroup.procs`, String(pid));
}

function start(script: string): SpawnedProcess {
  const argv = ["/bin/sh", "-c", `read go; ${script}`];
  return processes.spawn({ argv, stdio: ["pipe", "ignore", "ignore"] });
}

/** Lets a started script go on, in `group`. */
function release(process: SpawnedProcess, group: string): void {
  join(group, process.pid);
  writeFileSync(process.pipes[0] ?? -1, "go\n");
}

beforeEach(() => {
  for (const root of ROOTS) mkdirSync(`${root}${PATH}/sub`, { recursive: true });
});
afterEach(() => {
  for (const root of ROOTS) {
    for (const group of [`${PATH}/sub`, PATH]) {
      if (existsSync(root + group)) rmdirSync(root + group);
    }
  }
});

describe("LinuxCgroups", () => {
  test("kill() ends all in a group and below, forking ones too; remove() takes the groups", async () => {
    const forking = start("while :; do /bin/sleep 600 & /bin/true; done");
    const quiet = start("/bin/sleep 600 & wait");
    release(forking, `${PATH}/sub`);
    release(quiet, PATH);
    expect(cgroups.children(PATH)).toEqual(["sub"]);
    expect(cgroups.pids(PATH)).toEqual(expect.arrayContaining([forking.pid, quiet.pid]));
    expect(cgroups.pids(`${PATH}/sub`)).not.toContain(quiet.pid);
    expect(() => cgroups.remove(PATH)).toThrow(ConflictError);
    cgroups.kill(PATH);
    expect(await forking.exited).toEqual({ signal: 9 });
    expect(await quiet.exited).toEqual({ signal: 9 });
    await untilEmpty(PATH);
    cgroups.remove(PATH);
    expect(cgroups.exists(PATH)).toBe(false);
    cgroups.remove(PATH);
    cgroups.kill(PATH);
    expect(cgroups.pids(PATH)).toEqual([]);
  });

  test("removeEmpty() leaves a group with a process, or a group, in it", async () => {
    const quiet = start("/bin/sleep 600");
    release(quiet, `${PATH}/sub`);
    expect(cgroups.removeEmpty(`${PATH}/sub`)).toBe(false);
    expect(cgroups.pids(`${PATH}/sub`)).toContain(quiet.pid);
    expect(cgroups.removeEmpty(PATH)).toBe(false);
    cgroups.kill(PATH);
    await quiet.exited;
    await untilEmpty(PATH);
    expect(cgroups.removeEmpty(`${PATH}/sub`)).toBe(true);
    expect(cgroups.removeEmpty(PATH)).toBe(true);
    expect(cgroups.exists(PATH)).toBe(false);
    expect(cgroups.removeEmpty(PATH)).toBe(true);
  });

  test("stats() reads what the kernel counts", async () => {
    const busy = start("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; read stop");
    release(busy, PATH);
    const identity = processes.identify(busy.pid);
    const before = cgroups.stats(PATH);
    expect(before.pids?.current).toBe(1);
    expect(before.memory?.limitBytes).toBe(host.system.memoryBytes);
    expect(Object.keys(before.memory?.stats ?? {}).length).toBeGreaterThan(10);
    if (identity !== undefined) processes.kill(identity, 9);
    await busy.exited;
    expect(cgroups.stats(PATH).cpu?.usageNanos ?? 0).toBeGreaterThan(0);
    expect(cgroups.stats("/wharf-test-none")).toEqual({});
  });

  test("oomKills() counts", async () => {
    const limit = cgroups.layout === "v2" ? "memory.max" : "memory.limit_in_bytes";
    const root = ROOTS.find((each) => existsSync(`${each}${PATH}/${limit}`));
    if (root === undefined) return;
    writeFileSync(`${root}${PATH}/${limit}`, String(8 << 20));
    expect(cgroups.oomKills(PATH, 0)).toBe(0);
    const hungry = start("exec /usr/bin/tail /dev/zero");
    release(hungry, PATH);
    expect(await hungry.exited).toEqual({ signal: 9 });
    expect(cgroups.oomKills(PATH, 0)).toBe(1);
    expect(cgroups.stats(PATH).memory?.limitBytes).toBe(8 << 20);
    expect(cgroups.oomKills("/wharf-test-none", 0)).toBe(0);
  });

  test("a path that would lead elsewhere is a bug", () => {
    for (const path of ["", "/", "relative", "/a/../b", "/a/"]) {
      expect(() => cgroups.exists(path)).toThrow(InternalError);
    }
  });
});

/** Grandchildren are reaped by another process; the kernel empties the group then. */
async function untilEmpty(path: string): Promise<void> {
  for (const pid of cgroups.pids(path)) {
    const identity = processes.identify(pid);
    if (identity !== undefined) await processes.waitGone(identity);
  }
}
