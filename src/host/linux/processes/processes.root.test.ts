import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  closeSync,
  copyFileSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import {
  FailedPreconditionError,
  NotFoundError,
  PermissionDeniedError,
  ResourceExhaustedError,
} from "#base/errors.ts";
import type { ProcessIdentity } from "#host/processes.ts";
import { openScratch, type Scratch } from "#host/testing/scratch.ts";
import { openLibc } from "#host/linux/ffi/libc.ts";
import { openLinuxHost } from "#host/linux/host.ts";

const host = await openLinuxHost();
const { processes } = host;

const SILENT = ["ignore", "ignore", "ignore"] as const;
const SLEEP = { argv: ["/bin/sleep", "600"], stdio: SILENT };

function identityOf(pid: number): ProcessIdentity {
  const identity = processes.identify(pid);
  if (identity === undefined) throw new Error(`process ${pid} has ended`);
  return identity;
}

function shell(script: string): readonly string[] {
  return ["/bin/sh", "-c", script];
}

describe("LinuxProcesses.run()", () => {
  test("collects outputs and status", async () => {
    const argv = shell("cat; echo problem >&2; exit 7");
    expect(await processes.run({ argv, input: "given ☃" })).toEqual({
      code: 7,
      stdout: "given ☃",
      stderr: "problem\n",
    });
  });

  test("gives the whole environment and the working directory", async () => {
    const argv = ["/usr/bin/env"];
    expect((await processes.run({ argv, env: { A: "1" } })).stdout).toBe("A=1\n");
    expect((await processes.run({ argv: ["/bin/pwd"], cwd: "/usr" })).stdout).toBe("/usr\n");
  });

  test("tells which signal ended it", async () => {
    expect(await processes.run({ argv: shell("kill -TERM $$") })).toMatchObject({ signal: 15 });
    expect(await processes.run({ argv: shell("kill -35 $$") })).toMatchObject({ signal: 35 });
  });

  test("kills what writes more than it may", async () => {
    const argv = shell("exec cat /dev/zero");
    expect(processes.run({ argv, maxOutputBytes: 1 << 20 })).rejects.toThrow(
      ResourceExhaustedError,
    );
  });

  test("kills when it is aborted", async () => {
    const abort = new AbortController();
    const running = processes.run({ argv: SLEEP.argv }, abort.signal);
    const reason = new Error("enough");
    abort.abort(reason);
    expect(running).rejects.toBe(reason);
    expect(processes.run({ argv: SLEEP.argv }, abort.signal)).rejects.toBe(reason);
  });

  test("says why it could not start", async () => {
    expect(processes.run({ argv: ["/no/such"] })).rejects.toThrow(NotFoundError);
    expect(processes.run({ argv: ["/bin/true"], cwd: "/no/such" })).rejects.toThrow(
      'working directory "/no/such" does not exist',
    );
    expect(processes.run({ argv: ["/etc/passwd"] })).rejects.toThrow(PermissionDeniedError);
  });
});

describe("LinuxProcesses.spawn()", () => {
  let scratch: Scratch;
  beforeEach(() => {
    scratch = openScratch(host);
  });
  afterEach(() => scratch[Symbol.dispose]());

  test("makes pipes: 0 to write, 1 and 2 to read, from 3 on both ways", async () => {
    const child = processes.spawn({
      argv: shell("cat; echo up >&4; read line <&4; echo $line >&2"),
      stdio: ["pipe", "pipe", "pipe", "ignore", "pipe"],
    });
    const [input = -1, output = -1, error = -1, nothing, both = -1] = child.pipes;
    expect(nothing).toBeUndefined();
    writeSync(both, "down\n");
    writeSync(input, "through");
    closeSync(input);
    expect(await child.exited).toEqual({ code: 0 });
    expect(readFileSync(output, "utf8")).toBe("through");
    expect(readFileSync(error, "utf8")).toBe("down\n");
    expect(readFileSync(both, "utf8")).toBe("up\n");
    for (const fd of [output, error, both]) closeSync(fd);
  });

  test("passes the daemon's descriptors and no others", async () => {
    const fd = openSync(join(scratch.path, "log"), "w");
    const child = processes.spawn({
      argv: shell("ls /proc/self/fd; echo logged >&5"),
      stdio: ["ignore", "pipe", "ignore", "ignore", "ignore", fd],
    });
    closeSync(fd);
    await child.exited;
    // 0 to 2, the folder that ls reads, and 5.
    expect(readFileSync(child.pipes[1] ?? -1, "utf8")).toBe("0\n1\n2\n3\n5\n");
    expect(readFileSync(join(scratch.path, "log"), "utf8")).toBe("logged\n");
    closeSync(child.pipes[1] ?? -1);
  });

  test("leaves no descriptor behind, also when it fails", () => {
    const before = host.system.ownUsage().openFiles;
    const stdio = ["pipe", "pipe", "pipe", "pipe"] as const;
    expect(() => processes.spawn({ argv: ["/no/such"], stdio })).toThrow(NotFoundError);
    expect(host.system.ownUsage().openFiles).toBe(before);
  });

  test("a script without its interpreter is told from one that is missing", () => {
    const script = join(scratch.path, "script");
    writeFileSync(script, "#!/no/such/shell\n", { mode: 0o755 });
    const start = (): unknown => processes.spawn({ argv: [script], stdio: SILENT });
    expect(start).toThrow(FailedPreconditionError);
  });

  test("a detached process survives kill -9 of the daemon, in a session of its own", async () => {
    const daemon = Bun.spawn(
      [process.execPath, join(import.meta.dir, "../../testing/detaching-daemon.ts")],
      { stdout: "pipe" },
    );
    const { value } = await daemon.stdout.getReader().read();
    const child = identityOf(Number(new TextDecoder().decode(value)));
    daemon.kill("SIGKILL");
    await daemon.exited;
    try {
      expect(processes.isAlive(child)).toBe(true);
      const stat = readFileSync(`/proc/${child.pid}/stat`, "utf8").split(") ")[1]?.split(" ");
      expect(stat?.[3]).toBe(String(child.pid));
    } finally {
      const gone = processes.waitGone(child);
      expect(processes.kill(child, 9)).toBe(true);
      await gone; // no child of this process
    }
    expect(processes.isAlive(child)).toBe(false);
  });

  test("hideUnifiedCgroup shows an empty folder there, on a hybrid host", async () => {
    if (host.cgroups.layout !== "hybrid") return;
    const argv = ["/bin/ls", "/sys/fs/cgroup/unified"];
    expect((await processes.run({ argv })).stdout).toContain("cgroup.procs");
    expect((await processes.run({ argv, hideUnifiedCgroup: true })).stdout).toBe("");
    const launcher = processes.runtimeLauncher ?? "";
    expect(await processes.run({ argv: [launcher, ...argv] })).toMatchObject({
      code: 0,
      stdout: "",
    });
    expect(await processes.run({ argv: [launcher] })).toMatchObject({ code: 125 });
    expect(readdirSync("/sys/fs/cgroup/unified")).toContain("cgroup.procs");
  });

  test("emptyInputLauncher() gives a pipe that has ended, and hides the v2 cgroup only when asked", async () => {
    const script = "readlink /proc/self/fd/0; cat; ls /proc/self/fd; ls /sys/fs/cgroup/unified";
    for (const hidesUnified of [false, true]) {
      const launcher = processes.emptyInputLauncher({ hidesUnified });
      if (launcher === undefined) return;
      expect(processes.emptyInputLauncher({ hidesUnified })).toBe(launcher);
      const { stdout } = await processes.run({ argv: [launcher, ...shell(script)] });
      expect(stdout).toMatch(/^pipe:\[\d+\]\n0\n1\n2\n3\n/);
      const isHidden = hidesUnified || host.cgroups.layout !== "hybrid";
      expect(stdout.includes("cgroup.procs")).toBe(!isHidden);
      expect(await processes.run({ argv: [launcher] })).toMatchObject({
        code: 125,
        stderr: expect.stringContaining("Cannot give the OCI runtime"),
      });
    }
  });

  test("hideUnifiedCgroup shows the newest mounts", async () => {
    const target = scratch.folder("late");
    host.mounts.tmpfs({ target });
    await Bun.write(join(target, "file"), "");
    const { stdout } = await processes.run({ argv: ["/bin/ls", target], hideUnifiedCgroup: true });
    expect(stdout).toBe("file\n");
  });
});

describe("LinuxProcesses", () => {
  test("tells a process from a later one of its number", async () => {
    const { pid, exited } = processes.spawn(SLEEP);
    const identity = identityOf(pid);
    const earlier = { pid, startTicks: identity.startTicks - 1 };
    expect(processes.isAlive(identity)).toBe(true);
    expect(processes.isAlive(earlier)).toBe(false);
    expect(processes.kill(earlier, 9)).toBe(false);
    await processes.waitGone(earlier);
    expect(processes.kill(identity, 15)).toBe(true);
    expect(await exited).toEqual({ signal: 15 });
    expect(processes.kill(identity, 15)).toBe(false);
    expect(processes.identify(pid)).toBeUndefined();
    await processes.waitGone(identity);
  });

  test("waitGone() can be given up, and closes what it opened", async () => {
    const { pid, exited } = processes.spawn(SLEEP);
    const identity = identityOf(pid);
    const before = readdirSync("/proc/self/fd").length;
    const abort = new AbortController();
    const waits = Array.from({ length: 20 }, () => processes.waitGone(identity, abort.signal));
    const settled = Promise.allSettled(waits);
    abort.abort(new Error("enough"));
    for (const each of await settled) expect(each.status).toBe("rejected");
    expect(readdirSync("/proc/self/fd").length).toBe(before);
    processes.kill(identity, 9);
    await exited;
  });

  test("waitGone() of many ends for each, at its end", async () => {
    const started = Array.from({ length: 30 }, () => processes.spawn(SLEEP));
    const identities = started.map(({ pid }) => identityOf(pid));
    const waits = identities.map((identity) => processes.waitGone(identity));
    for (const identity of identities) processes.kill(identity, 9);
    await Promise.all([...waits, ...started.map(({ exited }) => exited)]);
    expect(identities.some((identity) => processes.isAlive(identity))).toBe(false);
  });

  test("portHolder() names who listens", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const comm = readFileSync("/proc/self/comm", "utf8").trim();
    expect(processes.portHolder("tcp", port)).toBe(`${comm} (pid ${process.pid})`);
    expect(processes.portHolder("udp", port)).toBeUndefined();
    await new Promise((resolve) => server.close(resolve));
    expect(processes.portHolder("tcp", port)).toBeUndefined();
  });

  test("sealedCopy() runs like the original and cannot be written to; a script stays itself", async () => {
    using scratch = openScratch(host);
    const program = join(scratch.path, "echo");
    copyFileSync("/bin/echo", program);
    const copy = processes.sealedCopy(program);
    expect(await processes.run({ argv: [copy, "ran"] })).toMatchObject({ stdout: "ran\n" });
    expect(() => writeFileSync(copy, "x")).toThrow("EPERM");
    expect(processes.sealedCopy(program)).toBe(copy);
    writeFileSync(program, "#!/bin/sh\n");
    expect(processes.sealedCopy(program)).toBe(program);
  });

  test("a runtime starts a container below the launcher and leaves nothing beneath the v2 cgroup", async () => {
    if (processes.runtimeLauncher === undefined || !existsSync("/usr/bin/crun")) return;
    using scratch = openScratch(host);
    copyFileSync("/bin/busybox", join(scratch.folder("rootfs/bin"), "busybox"));
    scratch.folder("rootfs/dev");
    const id = `wharf-test-${process.pid}`;
    const config = {
      ociVersion: "1.0.2",
      process: { args: ["/bin/busybox", "echo", "ran"], cwd: "/", user: { uid: 0, gid: 0 } },
      root: { path: "rootfs" },
      mounts: [],
      linux: { cgroupsPath: `/${id}`, namespaces: [{ type: "mount" }, { type: "pid" }] },
    };
    await Bun.write(join(scratch.path, "config.json"), JSON.stringify(config));
    const argv = [
      "/usr/bin/crun",
      "--root",
      scratch.folder("state"),
      "run",
      "-b",
      scratch.path,
      id,
    ];
    const result = await processes.run({ argv: [processes.runtimeLauncher, ...argv] });
    expect(result).toEqual({ code: 0, stdout: "ran\n", stderr: "" });
    expect(host.cgroups.exists(`/${id}`)).toBe(false);
    const unified = "/sys/fs/cgroup/unified";
    const beneath = await processes.run({
      argv: ["/usr/bin/unshare", "-m", ...shell(`umount -l ${unified}; ls ${unified}`)],
    });
    expect(beneath.stdout).not.toContain(id);
  });
});

describe("LinuxProcesses.widenWrittenPipes()", () => {
  const F_GETPIPE_SZ = 1032;
  const libc = openLibc();

  test("makes room in what the process writes to, and leaves what it reads", async () => {
    const { pid, exited, pipes } = processes.spawn({
      argv: SLEEP.argv,
      stdio: ["pipe", "pipe", "ignore"],
    });
    const process = identityOf(pid);
    const [input = -1, output = -1] = pipes;
    processes.widenWrittenPipes(process, 256 * 1024);
    expect(libc.call.fcntl(output, F_GETPIPE_SZ, 0)).toBe(256 * 1024);
    expect(libc.call.fcntl(input, F_GETPIPE_SZ, 0)).toBe(64 * 1024);
    processes.kill(process, 9);
    await exited;
    processes.widenWrittenPipes(process, 128 * 1024); // it is gone: nothing
    for (const fd of [input, output]) closeSync(fd);
  });
});
