// The options of `docker run` that shape a container's process, rights and limits.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startEngine, type TestEngine } from "../../harness/engine.ts";
import { waitUntil } from "../../harness/wait-until.ts";

let engine: TestEngine;
beforeAll(async () => {
  engine = await startEngine();
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

const run = (...args: string[]) => engine.mustDocker("run", "--rm", ...args);
const refusal = async (...args: string[]) => {
  const result = await engine.docker(["run", "--rm", ...args]);
  expect(result.exitCode).toBe(125);
  return result.stderr;
};

describe("the process", () => {
  test("user by name, number and group; unknown ones refused", async () => {
    expect(await run("-u", "www-data", "busybox", "id")).toContain(
      "uid=33(www-data) gid=33(www-data)",
    );
    expect(await run("-u", "1234:5678", "busybox", "id", "-u")).toBe("1234");
    expect(await run("-u", "33", "--group-add", "tty", "busybox", "id", "-G")).toBe("33 5");
    expect(await refusal("-u", "nosuch", "busybox", "true")).toContain(
      "unable to find user nosuch: no matching entries in passwd file",
    );
  });

  test("environment, working folder, hostname, entry point and labels", async () => {
    expect(
      await run("-e", "A=1", "-e", "B=x y", "busybox", "sh", "-c", 'echo "$A $B $HOSTNAME $PATH"'),
    ).toMatch(/^1 x y [0-9a-f]{12} \/usr\/local\/sbin:/);
    expect(await run("-w", "/new/folder", "busybox", "pwd")).toBe("/new/folder");
    expect(await run("--hostname", "ship", "busybox", "hostname")).toBe("ship");
    expect(await run("--entrypoint", "echo", "busybox", "a", "b")).toBe("a b");
  });

  test("--init reaps and passes signals", async () => {
    expect(await run("--init", "busybox", "sh", "-c", "cat /proc/1/comm")).toMatch(
      /init|tini|catatonit/,
    );
    await engine.mustDocker("run", "-d", "--init", "--name", "reaped", "busybox", "sleep", "1000");
    await engine.mustDocker("stop", "-t", "5", "reaped");
    expect(await engine.mustDocker("inspect", "-f", "{{.State.ExitCode}}", "reaped")).toBe("143");
    await engine.mustDocker("rm", "reaped");
  });

  test("--stop-signal is what stop sends", async () => {
    await engine.mustDocker(
      ...["run", "-d", "--stop-signal", "SIGUSR1", "--name", "usr", "busybox"],
      ...["sh", "-c", "trap 'exit 9' USR1; echo up; while :; do sleep 0.05; done"],
    );
    await waitUntil("it is up", async () => (await engine.mustDocker("logs", "usr")) === "up");
    await engine.mustDocker("stop", "usr");
    expect(await engine.mustDocker("inspect", "-f", "{{.State.ExitCode}}", "usr")).toBe("9");
    await engine.mustDocker("rm", "usr");
  });
});

describe("rights", () => {
  const caps = (text: string) => BigInt(`0x${/CapEff:\s*([0-9a-f]+)/.exec(text)?.[1] ?? "0"}`);
  const status = ["busybox", "grep", "CapEff", "/proc/self/status"];

  test("capabilities are Docker's by default, added and dropped by name", async () => {
    expect(caps(await run(...status))).toBe(0xa80425fbn);
    expect(caps(await run("--cap-drop", "ALL", ...status))).toBe(0n);
    expect(caps(await run("--cap-drop", "ALL", "--cap-add", "NET_ADMIN", ...status))).toBe(
      1n << 12n,
    );
    expect(await refusal("--cap-add", "NOSUCH", "busybox", "true")).toContain("NOSUCH");
  });

  test("mounting, loading modules and writing to /proc/sys are refused; --privileged may", async () => {
    const script =
      "mount -t tmpfs x /mnt 2>&1; (echo 1 >/proc/sys/kernel/printk) 2>&1; ls /sys/firmware | wc -l; cat /proc/kcore | wc -c";
    const out = await run("busybox", "sh", "-c", `mkdir -p /mnt; ${script}`);
    expect(out).toMatch(/mount: .*(permitted|denied)/i);
    expect(out).toContain("Read-only file system");
    expect(
      await run(
        "--privileged",
        "busybox",
        "sh",
        "-c",
        "mkdir -p /mnt; mount -t tmpfs x /mnt && echo mounted",
      ),
    ).toBe("mounted");
  });

  test("seccomp filters by default, no-new-privileges on request", async () => {
    expect(await run("busybox", "grep", "Seccomp:", "/proc/self/status")).toMatch(/\t2$/);
    expect(
      await run(
        "--security-opt",
        "seccomp=unconfined",
        "busybox",
        "grep",
        "Seccomp:",
        "/proc/self/status",
      ),
    ).toMatch(/\t0$/);
    expect(
      await run(
        "--security-opt",
        "no-new-privileges",
        "busybox",
        "grep",
        "NoNewPrivs",
        "/proc/self/status",
      ),
    ).toMatch(/\t1$/);
  });

  test("devices, sysctls, ulimits and the OOM score", async () => {
    expect(await run("--device", "/dev/fuse:/dev/fused:r", "busybox", "ls", "/dev/fused")).toBe(
      "/dev/fused",
    );
    expect(
      await run(
        "--sysctl",
        "net.ipv4.ip_unprivileged_port_start=99",
        "busybox",
        "cat",
        "/proc/sys/net/ipv4/ip_unprivileged_port_start",
      ),
    ).toBe("99");
    expect(
      await run("--ulimit", "nofile=512:1024", "busybox", "sh", "-c", "ulimit -n; ulimit -Hn"),
    ).toBe("512\n1024");
    expect(await run("--oom-score-adj", "500", "busybox", "cat", "/proc/self/oom_score_adj")).toBe(
      "500",
    );
    expect(await run("--shm-size", "3m", "busybox", "grep", "/dev/shm", "/proc/mounts")).toContain(
      "size=3072k",
    );
  });
});

describe("namespaces", () => {
  test("pid, ipc and uts are shared when asked", async () => {
    expect(await run("busybox", "sh", "-c", "echo $$")).toBe("1");
    expect(Number(await run("--pid", "host", "busybox", "sh", "-c", "echo $$"))).toBeGreaterThan(1);
    const host = (await Bun.file("/proc/sys/kernel/hostname").text()).trim();
    expect(await run("--uts", "host", "busybox", "hostname")).toBe(host);
    await engine.mustDocker(
      "run",
      "-d",
      "--name",
      "peer",
      "--ipc",
      "shareable",
      "busybox",
      "sleep",
      "1000",
    );
    const other = await run(
      "--pid",
      "container:peer",
      "--ipc",
      "container:peer",
      "busybox",
      "ps",
      "-o",
      "args",
    );
    expect(other).toContain("sleep 1000");
    await engine.mustDocker("rm", "-f", "peer");
  });
});

describe("limits", () => {
  test("memory, cpu and processes are limited as asked and shown by inspect", async () => {
    const base = "/sys/fs/cgroup";
    const read = (v1: string, v2: string) => `cat ${base}/${v1} 2>/dev/null || cat ${base}/${v2}`;
    const out = await run(
      ...["--memory", "64m", "--cpus", "0.5", "--pids-limit", "50", "busybox", "sh", "-c"],
      [
        read("memory/memory.limit_in_bytes", "memory.max"),
        read("cpu/cpu.cfs_quota_us", "cpu.max"),
        read("pids/pids.max", "pids.max"),
      ].join("; "),
    );
    expect(out).toMatch(/^67108864\n50000( 100000)?\n50$/);
  });

  test("running out of memory ends with 137 and OOMKilled", async () => {
    await engine.docker([
      ...["run", "--name", "greedy", "--memory", "16m", "--memory-swap", "16m", "busybox"],
      ...["sh", "-c", "x=$(head -c 64m /dev/zero | tr '\\0' x); echo $x | wc -c"],
    ]);
    await waitUntil(
      "the kill is known",
      async () =>
        (await engine.mustDocker("inspect", "-f", "{{.State.OOMKilled}}", "greedy")) === "true",
    );
    await engine.mustDocker("rm", "greedy");
    const direct = await engine.docker([
      ...[
        "run",
        "--name",
        "direct",
        "--memory",
        "16m",
        "--memory-swap",
        "16m",
        "busybox",
        "tail",
        "/dev/zero",
      ],
    ]);
    expect(direct.exitCode).toBe(137);
    expect(
      await engine.mustDocker(
        "inspect",
        "-f",
        "{{.State.OOMKilled}} {{.State.ExitCode}}",
        "direct",
      ),
    ).toBe("true 137");
    await engine.mustDocker("rm", "direct");
  });

  test("a fork bomb ends at --pids-limit", async () => {
    const result = await engine.docker([
      ...["run", "--rm", "--pids-limit", "20", "busybox"],
      ...["sh", "-c", "for i in $(seq 100); do sleep 1 & done 2>&1; wait"],
    ]);
    expect(result.stdout + result.stderr).toContain("can't fork");
  });

  test("limits above the session's own are refused, naming both", async () => {
    const stderr = await refusal("--ulimit", "nofile=99999999:99999999", "busybox", "true");
    expect(stderr).toContain("99999999");
  });
});
