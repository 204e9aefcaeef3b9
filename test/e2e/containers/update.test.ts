// `update`: a container's limits, ports, labels, environment and mounts change in place.
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

const MIB = 1024 * 1024;
const sleeper = ["busybox", "sleep", "1000"];
const inspect = (name: string, format: string) => engine.mustDocker("inspect", "-f", format, name);

/** What a file of the container's cgroup says inside, with cgroup v1 and v2. */
async function cgroup(name: string, v1: string, v2: string): Promise<string> {
  const file = (await isCgroupV2()) ? v2 : v1;
  return await engine.mustDocker("exec", name, "cat", `/sys/fs/cgroup/${file}`);
}

async function isCgroupV2(): Promise<boolean> {
  return (await engine.mustDocker("info", "-f", "{{.CgroupVersion}}")) === "2";
}

/** What the web server behind a port of the host says: its own port; undefined where none answers. */
async function answer(port: number): Promise<string | undefined> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/`, { keepalive: false });
    return (await response.text()).trim();
  } catch {
    return undefined;
  }
}

/** Web servers at the container's ports 80 and 81. */
const served = (...flags: string[]) =>
  engine.mustDocker(
    ...["run", "-d", ...flags, "busybox", "sh", "-c"],
    "for n in 80 81; do mkdir /$n; echo $n >/$n/index.html; httpd -p $n -h /$n; done; exec sleep 1000",
  );

/** A port of the host that is free now. */
function freePort(): number {
  using listener = Bun.listen({ hostname: "0.0.0.0", port: 0, socket: { data: () => undefined } });
  const { port } = listener;
  listener.stop(true);
  return port;
}

describe.each(["crun", "runc"])("limits with %s", (runtime) => {
  const name = `limits-${runtime}`;

  test("change while it runs, seen in its cgroup, and stay after a restart of the engine", async () => {
    await engine.mustDocker(
      ...["run", "-d", "--runtime", runtime, "--name", name, "-m", "64m", ...sleeper],
    );
    expect(
      await engine.mustDocker(
        ...["update", "-m", "256m", "--memory-swap", "300m", "--memory-reservation", "32m"],
        ...["--cpus", "0.5", "--cpu-shares", "512", "--cpuset-cpus", "0", "--pids-limit", "20"],
        name,
      ),
    ).toBe(name);
    const memory = () => cgroup(name, "memory/memory.limit_in_bytes", "memory.max");
    expect(await memory()).toBe(String(256 * MIB));
    const swap = await cgroup(name, "memory/memory.memsw.limit_in_bytes", "memory.swap.max");
    expect(swap).toBe(String((await isCgroupV2()) ? 44 * MIB : 300 * MIB));
    const quota = await cgroup(name, "cpu/cpu.cfs_quota_us", "cpu.max");
    expect(quota).toStartWith("50000");
    const shares = await cgroup(name, "cpu/cpu.shares", "cpu.weight");
    expect(shares).toBe((await isCgroupV2()) ? "20" : "512");
    expect(await cgroup(name, "cpuset/cpuset.cpus", "cpuset.cpus")).toBe("0");
    expect(await cgroup(name, "pids/pids.max", "pids.max")).toBe("20");
    // less of both, where the kernel wants memory first; more of both is the other way round
    await engine.mustDocker("update", "-m", "32m", "--memory-swap", "40m", name);
    expect(await memory()).toBe(String(32 * MIB));
    await engine.mustDocker("update", "-m", "128m", "--memory-swap", "-1", name);
    expect(await memory()).toBe(String(128 * MIB));
    await engine.mustDocker("update", "--pids-limit", "-1", name);
    expect(await cgroup(name, "pids/pids.max", "pids.max")).toBe("max");
    await engine.crash();
    await engine.start();
    expect(await inspect(name, "{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}}")).toMatch(
      /^134217728 <(nil|no value)>$/,
    );
    expect(await memory()).toBe(String(128 * MIB));
  });

  test("limit a paused container, and a device's I/O, which Docker leaves as it is", async () => {
    await engine.mustDocker("pause", name);
    await engine.mustDocker("update", "--cpu-shares", "300", name);
    await engine.mustDocker("unpause", name);
    expect(await inspect(name, "{{.HostConfig.CpuShares}}")).toBe("300");
    const device = (await Bun.file("/proc/partitions").text())
      .split("\n")
      .flatMap((line) => /^\s*(\d+)\s+(\d+)\s+\d+ ((?:v|s)d[a-z]|loop\d+)$/.exec(line) ?? [])
      .slice(0, 4);
    if (device.length === 0) return; // no disk to limit
    const Path = `/dev/${device[3]}`;
    const limited = await engine.api("POST", `/containers/${name}/update`, {
      BlkioDeviceReadBps: [{ Path, Rate: MIB }],
    });
    expect(await limited.json()).toEqual({ Warnings: null });
    const io = await cgroup(name, "blkio/blkio.throttle.read_bps_device", "io.max");
    expect(io).toContain(`${device[1]}:${device[2]}`);
  });
});

describe("what Docker refuses", () => {
  test.each([
    [["-m", "1"], "Minimum memory limit allowed is 6MB"],
    [["-m", "1g"], "Memory limit should be smaller than already set memoryswap limit"],
    [["--cpuset-cpus", "999"], "Requested CPUs are not available - requested 999, available: 0"],
    [["--restart", "foo"], "invalid restart policy: unknown policy 'foo'"],
    [["--cpus", "999"], "range of CPUs is from 0.01 to "],
  ])("%j", async (flags, message) => {
    const result = await engine.docker(["update", ...flags, "limits-crun"]);
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toContain(message);
  });

  test("several containers: the others are updated, the missing one named", async () => {
    const result = await engine.docker([
      "update",
      "--restart",
      "no",
      "limits-crun",
      "nosuch",
      "limits-runc",
    ]);
    expect(result).toMatchObject({ exitCode: 1, stdout: "limits-crun\nlimits-runc\n" });
    expect(result.stderr).toContain("No such container: nosuch");
  });
});

describe("beyond Docker", () => {
  test("ports come and go while it runs, outlive the engine, and a taken one names its holder", async () => {
    const [port, other] = [freePort(), freePort()];
    await served("--name", "web");
    expect(await answer(port)).toBeUndefined();
    await engine.mustWharf("update", "--publish-add", `${port}:81`, "web");
    await waitUntil("the port answers", async () => (await answer(port)) === "81");
    expect(
      await engine.mustWharf("ps", "--filter", "name=web", "--format", "{{.Ports}}"),
    ).toContain(`0.0.0.0:${port}->81/tcp`);
    await engine.mustDocker("run", "-d", "--name", "holder", "-p", `${other}:80`, ...sleeper);
    const taken = await engine.wharf(["update", "--publish-add", `${other}:82`, "web"]);
    expect(taken.exitCode).toBe(1);
    expect(taken.stderr).toContain('port is already allocated: container "holder" publishes it');
    await engine.crash();
    await engine.start();
    expect(await answer(port)).toBe("81");
    expect(await inspect("web", "{{json .HostConfig.PortBindings}}")).toContain(String(port));
    await engine.mustWharf("update", "--publish-rm", `${port}:81`, "web");
    expect(await answer(port)).toBeUndefined();
    expect(await inspect("web", "{{json .HostConfig.PortBindings}}")).toBe("{}");
    expect(await inspect("web", "{{.RestartCount}} {{.State.Running}}")).toBe("0 true");
    // the port is free for anybody
    await engine.mustDocker("run", "--rm", "-p", `${port}:80`, "busybox", "true");
    // and one port of the host may lead elsewhere in one step
    await engine.mustWharf("update", "--publish-add", `${port}:80`, "web");
    await engine.mustWharf(
      ...["update", "--publish-rm", `${port}:80`, "--publish-add", `${port}:81`, "web"],
    );
    expect(await answer(port)).toBe("81");
  });

  test("labels change at once; environment and mounts when it starts next, as is said", async () => {
    await engine.mustDocker("run", "-d", "--name", "env", "-e", "A=1", "-l", "old=1", ...sleeper);
    const said = await engine.mustWharf(
      ...["update", "--label-add", "tier=web", "--label-rm", "old", "--env", "A=2", "--env", "B=3"],
      ...["--mount-add", "type=volume,src=notes,dst=/notes", "env"],
    );
    expect(said).toContain("the new environment and mounts will be in force when it starts next");
    expect(await inspect("env", "{{json .Config.Labels}}")).toBe('{"tier":"web"}');
    expect(
      await engine.mustDocker("exec", "env", "sh", "-c", "echo $A$B; ls /notes 2>&1; true"),
    ).toStartWith("1\n");
    await engine.crash();
    await engine.start();
    await engine.mustDocker("restart", "-t", "0", "env");
    expect(await engine.mustDocker("exec", "env", "sh", "-c", "echo $A$B; ls -d /notes")).toBe(
      "23\n/notes",
    );
    await engine.mustWharf("update", "--mount-rm", "/notes", "--env-rm", "B", "env");
    // in use until the container has let go of it
    expect((await engine.docker(["volume", "rm", "notes"])).exitCode).toBe(1);
    await engine.mustDocker("restart", "-t", "0", "env");
    expect(await engine.mustDocker("exec", "env", "sh", "-c", "echo $A$B")).toBe("2");
    await engine.mustDocker("volume", "rm", "notes");
  });

  test("a restart policy is in force at once", async () => {
    await engine.mustDocker("run", "-d", "--name", "policy", ...sleeper);
    await engine.mustDocker("update", "--restart", "always", "policy");
    const id = await inspect("policy", "{{.State.Pid}}");
    process.kill(Number(id), "SIGKILL");
    await waitUntil("it runs again", async () => {
      const [pid, running] = (await inspect("policy", "{{.State.Pid}} {{.State.Running}}")).split(
        " ",
      );
      return running === "true" && pid !== id && pid !== "0";
    });
    await engine.mustDocker("update", "--restart", "no", "policy");
  });

  test("our client says which flags a Docker engine cannot do", async () => {
    await using docker = Bun.serve({
      unix: `${engine.root}/docker.sock`,
      fetch: () =>
        new Response("OK", { headers: { "Api-Version": "1.51", Server: "Docker/28.5.2 (linux)" } }),
    });
    const result = await engine.wharf([
      "-H",
      `unix://${engine.root}/docker.sock`,
      "update",
      "--publish-add",
      "80:80",
      "web",
    ]);
    expect(docker.pendingRequests).toBe(0);
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toContain("Cannot use --publish-add");
    expect(result.stderr).toContain("only Wharf changes these of an existing container");
  });

  test("nothing to change is refused", async () => {
    const result = await engine.wharf(["update", "web"]);
    expect(result).toMatchObject({ exitCode: 1 });
    expect(result.stderr).toContain("you must provide one or more flags when using this command");
  });
});
