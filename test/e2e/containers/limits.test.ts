// Limits, devices and kernel settings: each flag of `docker run` and what is read inside the container.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  existsSync,
  readdirSync,
  rmdirSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { startEngine, type TestEngine } from "../../harness/engine.ts";
import { waitUntil } from "../../harness/wait-until.ts";

const folder = mkdtempSync("/var/tmp/wharf-e2e-cdi-");
let engine: TestEngine;
let isV2: boolean;
beforeAll(async () => {
  engine = await startEngine({
    flags: ["--cdi-spec-dir", join(folder, "a"), "--cdi-spec-dir", join(folder, "b")].concat([
      "--host-gateway-ip",
      "192.0.2.7",
    ]),
  });
  isV2 = (await engine.mustDocker("info", "-f", "{{.CgroupVersion}}")) === "2";
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  for (const parent of [`wharf-limits-${process.pid}`, `wharf-rt-${process.pid}`]) {
    for (const hierarchy of ["", ...readdirSync("/sys/fs/cgroup")]) {
      const group = join("/sys/fs/cgroup", hierarchy, parent);
      if (existsSync(group)) rmdirSync(group);
    }
  }
  rmSync(folder, { recursive: true, force: true });
});

const MIB = 1024 * 1024;
const run = (...args: string[]) => engine.mustDocker("run", "--rm", ...args);

interface Row {
  readonly flags: readonly string[];
  /** A file below /sys/fs/cgroup, or another path, or a command. */
  readonly v1: string;
  readonly v2?: string;
  readonly expected: string | RegExp;
  readonly expectedV2?: string | RegExp;
}

const cgroup = (
  flags: string,
  v1: string,
  v2: string,
  expected: string,
  expectedV2?: string,
): Row => ({
  flags: flags.split(" "),
  v1: `cat /sys/fs/cgroup/${v1}`,
  v2: `cat /sys/fs/cgroup/${v2}`,
  expected,
  ...(expectedV2 === undefined ? {} : { expectedV2 }),
});
const inside = (flags: string, command: string, expected: string | RegExp): Row => ({
  flags: flags.split(" "),
  v1: command,
  expected,
});

// What Docker 28.5 with runc gives on cgroup v1; v2 as the kernel's cgroup-v2.rst and the OCI runtimes convert.
const ROWS: readonly Row[] = [
  cgroup("--cpu-shares 512", "cpu/cpu.shares", "cpu.weight", "512", "20"),
  cgroup("--cpus 0.5", "cpu/cpu.cfs_quota_us", "cpu.max", "50000", "50000 100000"),
  cgroup(
    "--cpu-period 50000 --cpu-quota 25000",
    "cpu/cpu.cfs_period_us",
    "cpu.max",
    "50000",
    "25000 50000",
  ),
  cgroup("--cpuset-cpus 0", "cpuset/cpuset.cpus", "cpuset.cpus", "0"),
  cgroup("--cpuset-mems 0", "cpuset/cpuset.mems", "cpuset.mems", "0"),
  cgroup("-m 64m", "memory/memory.limit_in_bytes", "memory.max", String(64 * MIB)),
  cgroup(
    "-m 64m",
    "memory/memory.memsw.limit_in_bytes",
    "memory.swap.max",
    String(128 * MIB),
    String(64 * MIB),
  ),
  cgroup(
    "-m 64m --memory-swap 96m",
    "memory/memory.memsw.limit_in_bytes",
    "memory.swap.max",
    String(96 * MIB),
    String(32 * MIB),
  ),
  cgroup(
    "-m 64m --memory-swap -1",
    "memory/memory.memsw.limit_in_bytes",
    "memory.swap.max",
    "9223372036854771712",
    "max",
  ),
  cgroup(
    "--memory-reservation 32m",
    "memory/memory.soft_limit_in_bytes",
    "memory.low",
    String(32 * MIB),
  ),
  cgroup("--pids-limit 33", "pids/pids.max", "pids.max", "33"),
  inside("--oom-score-adj 300", "cat /proc/self/oom_score_adj", "300"),
  inside(
    "--ulimit nofile=100:200 --ulimit core=0",
    "ulimit -n; ulimit -Hn; ulimit -c",
    "100\n200\n0",
  ),
  inside("--ulimit memlock=65536", "ulimit -l", "64"),
  inside("--sysctl kernel.shmmax=123456", "cat /proc/sys/kernel/shmmax", "123456"),
  inside("--sysctl net.core.somaxconn=321", "cat /proc/sys/net/core/somaxconn", "321"),
  inside("--sysctl fs.mqueue.msg_max=7", "cat /proc/sys/fs/mqueue/msg_max", "7"),
  inside("--shm-size 5m", "df -k /dev/shm | tail -1 | tr -s ' ' | cut -d' ' -f2", "5120"),
  inside("--device /dev/fuse:/dev/mine:r", "ls -l /dev/mine | cut -c1", "c"),
  // mknod needs the m of the rule, and what reads it the r
  inside(
    "--device-cgroup-rule=c_10:229_rwm",
    "mknod /k c 10 229 && head -c 0 </k && echo open",
    "open",
  ),
  inside("--add-host host:host-gateway", "grep -w host /etc/hosts", "192.0.2.7\thost"),
];

describe("a flag and what is read inside", () => {
  test.each(ROWS.map((row) => [row.flags.join(" "), row] as const))("%s", async (_name, row) => {
    const flags = row.flags.map((flag) =>
      flag.replaceAll("_", flag.startsWith("--device-c") ? " " : "_"),
    );
    const command = isV2 ? (row.v2 ?? row.v1) : row.v1;
    const expected = isV2 ? (row.expectedV2 ?? row.expected) : row.expected;
    const read = await run(...flags, "busybox", "sh", "-c", command);
    expect(read).toMatch(typeof expected === "string" ? new RegExp(`^${expected}$`) : expected);
  });

  test("v1's swappiness and OOM switch; v2 says that it has none", async () => {
    const swappiness = ["busybox", "cat", "/sys/fs/cgroup/memory/memory.swappiness"];
    const flags = ["-m", "64m", "--memory-swappiness", "7", "--oom-kill-disable"];
    if (isV2) {
      const { stderr } = await engine.docker(["run", "--rm", ...flags, "busybox", "true"]);
      expect(stderr).toContain("Memory swappiness discarded");
      expect(stderr).toContain("OomKillDisable discarded");
      return;
    }
    expect(await run(...flags, ...swappiness)).toBe("7");
    expect(
      await run(...flags, "busybox", "cat", "/sys/fs/cgroup/memory/memory.oom_control"),
    ).toStartWith("oom_kill_disable 1");
  });

  test("a device's I/O by path", async () => {
    const disk = /^\s*(\d+)\s+(\d+)\s+\d+ ((?:v|s)d[a-z])$/m.exec(
      await Bun.file("/proc/partitions").text(),
    );
    if (!disk) return; // none here
    const [, major, minor, name] = disk;
    const flags = [
      ...["--device-read-bps", `/dev/${name}:1mb`, "--device-write-bps", `/dev/${name}:2mb`],
      ...["--device-read-iops", `/dev/${name}:30`, "--device-write-iops", `/dev/${name}:40`],
    ];
    const files = isV2
      ? "io.max"
      : "blkio/blkio.throttle.{read_bps,write_bps,read_iops,write_iops}_device";
    const paths = isV2
      ? [`/sys/fs/cgroup/${files}`]
      : ["read_bps", "write_bps", "read_iops", "write_iops"].map(
          (one) => `/sys/fs/cgroup/blkio/blkio.throttle.${one}_device`,
        );
    const text = await run(...flags, "busybox", "cat", ...paths);
    const device = `${major}:${minor}`;
    expect(text).toBe(
      isV2
        ? `${device} rbps=1048576 wbps=2097152 riops=30 wiops=40`
        : [1_048_576, 2_097_152, 30, 40].map((rate) => `${device} ${rate}`).join("\n"),
    );
  });
});

describe("refused by name", () => {
  const cases: readonly (readonly [flags: readonly string[], message: string])[] = [
    [["--cpuset-cpus", "4096"], "Requested CPUs are not available - requested 4096, available: 0"],
    [["--cpuset-mems", "512"], "Requested memory nodes are not available - requested 512"],
    [["-m", "5m"], "Minimum memory limit allowed is 6MB"],
    [["--cpus", "4096"], "range of CPUs is from 0.01 to"],
    [
      ["--device", "/dev/nosuch"],
      'error gathering device information while adding custom device "/dev/nosuch"',
    ],
    [["--device-read-bps", "/dev/nosuch:1mb"], "/dev/nosuch"],
    [["--sysctl", "net.ipv4.nosuch=1"], "nosuch"],
    [["--ulimit", "nofile=1000000000"], "Cannot set ulimit nofile to 1000000000"],
    [["--gpus", "all"], 'could not select device driver "" with capabilities: [[gpu]]'],
    [
      ["--device", "acme.com/loom=9"],
      "CDI device injection failed: unresolvable CDI devices acme.com/loom=9",
    ],
  ];
  test.each(cases)("%j", async (flags, message) => {
    const { exitCode, stderr } = await engine.docker(["run", "--rm", ...flags, "busybox", "true"]);
    expect(stderr).toContain(message);
    // docker takes "no such file or directory" for a missing command
    expect(exitCode).toBe(message.includes('/dev/nosuch"') ? 127 : 125);
  });

  test("real-time CPU, unless the engine was given some", async () => {
    const flags = ["--cpu-rt-runtime", "5000", "busybox", "true"];
    const { stderr } = await engine.docker(["run", "--rm", ...flags]);
    const hasFiles = existsSync("/sys/fs/cgroup/cpu/cpu.rt_runtime_us");
    if (!hasFiles) {
      expect(stderr).toContain("Your kernel does not support CPU real-time scheduler");
      return;
    }
    expect(stderr).toContain("Cannot give the container 5000 µs of real-time CPU");
    expect(stderr).toContain("start the engine with --cpu-rt-runtime");
  });

  test("a sysctl of the host, which the client would not even send", async () => {
    const made = await engine.api("POST", "/containers/create", {
      Image: "busybox",
      HostConfig: { Sysctls: { "vm.swappiness": "1" } },
    });
    expect(await made.text()).toContain('sysctl \\"vm.swappiness\\" is not in a separate kernel');
  });
});

describe("devices of CDI", () => {
  test("bring nodes, mounts, variables, groups and hooks, from YAML and JSON; info lists them", async () => {
    for (const name of ["a", "b"]) mkdirSync(join(folder, name), { recursive: true });
    writeFileSync(join(folder, "greeting"), "hello\n");
    writeFileSync(
      join(folder, "a", "loom.yaml"),
      `
cdiVersion: "0.6.0"
kind: acme.com/loom
containerEdits:
  env: ["LOOM=yes"]
devices:
- name: "0"
  containerEdits:
    deviceNodes:
    - {path: /dev/loom0, hostPath: /dev/null, permissions: rwm, fileMode: 0622}
    mounts:
    - {hostPath: ${folder}/greeting, containerPath: /etc/greeting, options: [ro, bind]}
    additionalGids: [4242]
    hooks:
    - {hookName: poststart, path: /bin/sh, args: [sh, -c, "echo here >${folder}/started"]}
    - {hookName: poststop, path: /bin/sh, args: [sh, -c, "echo gone >${folder}/hooked"]}
`,
    );
    const gpu = { name: "0", containerEdits: { env: ["GPU=first"] } };
    writeFileSync(
      join(folder, "b", "gpu.json"),
      JSON.stringify({ cdiVersion: "0.5.0", kind: "nvidia.com/gpu", devices: [gpu] }),
    );
    const script =
      "echo $LOOM; echo x >/dev/loom0; ls -l /dev/loom0 | cut -c1-10; cat /etc/greeting; id -G";
    expect(await run("--device", "acme.com/loom=0", "busybox", "sh", "-c", script)).toMatch(
      /^yes\ncrw--w--w-\nhello\n.*\b4242\b/,
    );
    expect(await Bun.file(join(folder, "started")).text()).toBe("here\n");
    await waitUntil("the hook has run", () => existsSync(join(folder, "hooked")));
    expect(await run("--gpus", "all", "busybox", "sh", "-c", "echo $GPU")).toBe("first");
    expect(JSON.parse(await engine.mustDocker("info", "-f", "{{json .CDISpecDirs}}"))).toEqual([
      join(folder, "a"),
      join(folder, "b"),
    ]);
    const info = (await (await engine.api("GET", "/info")).json()) as object;
    expect(info).toMatchObject({
      DiscoveredDevices: [
        { Source: "cdi", ID: "acme.com/loom=0" },
        { Source: "cdi", ID: "nvidia.com/gpu=0" },
      ],
    });
    // a file that everybody may write is as good as root for everybody
    Bun.spawnSync(["chmod", "666", join(folder, "b", "gpu.json")]);
    const { stderr } = await engine.docker(["run", "--rm", "--gpus", "all", "busybox", "true"]);
    expect(stderr).toContain("could not select device driver");
  });

  test("an update leaves a container's devices as they are", async () => {
    await run("-d", "--name", "loomed", "--device", "acme.com/loom=0", "busybox", "sleep", "1000");
    await engine.mustDocker("update", "--pids-limit", "50", "loomed");
    await engine.mustDocker("exec", "loomed", "sh", "-c", "echo x >/dev/loom0");
    await engine.mustDocker("rm", "-f", "loomed");
  });
});

test("--cpu-rt-runtime of the engine is handed on to containers, at their start and by update", async () => {
  if (!existsSync("/sys/fs/cgroup/cpu/cpu.rt_runtime_us")) return;
  const parent = `wharf-rt-${process.pid}`;
  await using realtime = await startEngine({
    flags: ["--cgroup-parent", parent, "--cpu-rt-runtime", "20000"],
  });
  const file = "/sys/fs/cgroup/cpu/cpu.rt_runtime_us";
  await realtime.mustDocker(
    ...["run", "-d", "--name", "rt", "--cpu-rt-runtime", "5000", "busybox", "sleep", "1000"],
  );
  expect(await realtime.mustDocker("exec", "rt", "cat", file)).toBe("5000");
  await realtime.mustDocker("update", "--cpu-rt-runtime", "7000", "rt");
  expect(await realtime.mustDocker("exec", "rt", "cat", file)).toBe("7000");
  const { stderr } = await realtime.docker(["update", "--cpu-rt-runtime", "30000", "rt"]);
  expect(stderr).toContain(`its parent cgroup /${parent} has 20000`);
  await realtime.mustDocker("rm", "-f", "rt");
});
