// An operator and a user tighten or loosen what a container may do; each setting is felt inside.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startEngine, type TestEngine } from "../../harness/engine.ts";

const RUNTIMES = ["crun", "runc"] as const;

let engine: TestEngine;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync("/var/tmp/wharf-confinement-");
  const profile = join(folder, "profile.json");
  const denied = { names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 1 };
  writeFileSync(profile, JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW", syscalls: [denied] }));
  engine = await startEngine({
    flags: [
      ...[
        "--no-new-privileges",
        "--seccomp-profile",
        profile,
        "--default-cgroupns-mode",
        "private",
      ],
      ...[
        "--default-ulimit",
        "nofile=500:600",
        "--default-ipc-mode",
        "shareable",
        "--default-shm-size",
        "5m",
      ],
    ],
  });
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const run = (...args: string[]): Promise<string> => engine.mustDocker("run", "--rm", ...args);
const sh = (script: string): string[] => ["busybox", "sh", "-c", script];

test.each(RUNTIMES)(
  "the engine's own defaults hold in every container, with %s",
  async (runtime) => {
    const by = ["--runtime", runtime];
    const flag = ["busybox", "grep", "NoNewPrivs", "/proc/self/status"];
    expect(await run(...by, ...flag)).toMatch(/1$/);
    expect(await run(...by, "--security-opt", "no-new-privileges=false", ...flag)).toMatch(/0$/);
    expect(await run(...by, ...sh("mkdir /x 2>&1 || true"))).toContain("not permitted");
    expect(
      await run(...by, "--security-opt", "seccomp=unconfined", ...sh("mkdir /x && echo made")),
    ).toBe("made");
    expect(await run(...by, ...sh("ulimit -n; ulimit -Hn"))).toBe("500\n600");
    expect(await run(...by, "--ulimit", "nofile=400", ...sh("ulimit -n"))).toBe("400");
    expect(await run(...by, ...sh("cut -d: -f3 /proc/self/cgroup | sort -u"))).toBe("/");
    expect(await run(...by, "--cgroupns", "host", ...sh("cat /proc/self/cgroup"))).toMatch(
      /[0-9a-f]{64}/,
    );
    expect(await run(...by, "busybox", "df", "-k", "/dev/shm")).toContain(" 5120 ");
    expect(await engine.mustDocker("info", "-f", "{{.SecurityOptions}}")).toContain(
      "no-new-privileges",
    );
  },
);

test.each(RUNTIMES)("what one container asks for, with %s", async (runtime) => {
  const by = ["--runtime", runtime, "--security-opt", "seccomp=unconfined"];
  // by default, masked and read-only paths
  const paths = sh(
    "ls /sys/firmware | wc -l; cat /proc/keys | wc -l; (echo x >/proc/sys/kernel/domainname) 2>/dev/null; echo $?",
  );
  expect(await run(...by, ...paths)).toBe("0\n0\n1");
  const open = await run(...by, "--security-opt", "systempaths=unconfined", ...paths);
  expect(open.split("\n")[0]).not.toBe("0");
  // capabilities by both names, all and none
  const bounding = sh("grep CapBnd /proc/self/status | cut -f2");
  const capabilities = async (...flags: string[]): Promise<bigint> =>
    BigInt(`0x${await run(...by, ...flags, ...bounding)}`);
  expect(await capabilities("--cap-drop", "all", "--cap-add", "CAP_NET_ADMIN")).toBe(1n << 12n);
  expect(await capabilities("--cap-drop", "cap_mknod")).toBe(0xa80425fbn & ~(1n << 27n));
  expect(await capabilities("--cap-add", "ALL", "--cap-drop", "NET_RAW")).toBe(
    (await capabilities("--privileged")) & ~(1n << 13n),
  );
  // groups, a root that cannot be written to, devices
  expect(await run(...by, "--group-add", "4711", "--group-add", "tty", "busybox", "id", "-G")).toBe(
    "0 5 4711",
  );
  expect(
    await run(
      ...by,
      "--read-only",
      "--tmpfs",
      "/t",
      ...sh("touch /x /etc/hosts 2>&1; touch /t/x && echo ok"),
    ),
  ).toMatch(/x: Read-only[\s\S]*hosts: Read-only[\s\S]*ok$/);
  const devices = sh("ls /dev/kmsg 2>&1; grep -c '^sysfs /sys sysfs rw' /proc/mounts; true");
  expect(await run(...by, "--privileged", ...devices)).toBe("/dev/kmsg\n1");
  expect(await run(...by, ...devices)).toMatch(/No such file.*\n0$/);
  expect(
    await run(
      ...by,
      "--privileged",
      "--device",
      "/dev/null:/dev/also",
      "busybox",
      "ls",
      "/dev/also",
    ),
  ).toBe("/dev/also");
  // cgroups that can be written to
  const cgroup = sh(
    "d=/sys/fs/cgroup/memory; test -d $d || d=/sys/fs/cgroup; mkdir $d/mine 2>&1 && rmdir $d/mine && echo made",
  );
  expect(await engine.docker(["run", "--rm", ...by, ...cgroup])).toMatchObject({ exitCode: 1 });
  expect(await run(...by, "--security-opt", "writable-cgroups=true", ...cgroup)).toBe("made");
});

test.each(RUNTIMES)(
  "IPC: shareable by the engine's default, private and none on request, with %s",
  async (runtime) => {
    const by = ["--runtime", runtime];
    const donor = `donor-${runtime}`;
    await engine.mustDocker(
      "run",
      "-d",
      ...by,
      "--name",
      donor,
      ...sh("echo x >/dev/shm/x; sleep 1000"),
    );
    expect(await run(...by, "--ipc", `container:${donor}`, "busybox", "ls", "/dev/shm")).toBe("x");
    expect(await run(...by, "--ipc", "none", ...sh("grep -c /dev/shm /proc/mounts || true"))).toBe(
      "0",
    );
    await engine.mustDocker("rm", "-f", donor);
    await engine.mustDocker(
      "run",
      "-d",
      ...by,
      "--ipc",
      "private",
      "--name",
      donor,
      "busybox",
      "sleep",
      "1000",
    );
    const refused = await engine.docker([
      "run",
      "--rm",
      ...by,
      "--ipc",
      `container:${donor}`,
      "busybox",
      "true",
    ]);
    expect(refused.stderr).toContain("non-shareable IPC");
    await engine.mustDocker("rm", "-f", donor);
  },
);

test("profiles and labels of modules that the host lacks have no effect, and that is said", async () => {
  const flags = ["--security-opt", "apparmor=none-such", "--security-opt", "label=type:none_such"];
  const result = await engine.docker(["run", "--rm", ...flags, "busybox", "echo", "ran"]);
  expect(result.exitCode).toBe(0);
  expect(result.stderr).toContain("label type:none_such is not applied");
});
