// The flags of the container commands beside `run`, each with what it changes.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mustRun } from "../../harness/command.ts";
import { DOCKER, startEngine, type TestEngine } from "../../harness/engine.ts";
import { TerminalSession } from "../../harness/terminal.ts";
import { waitUntil } from "../../harness/wait-until.ts";

let engine: TestEngine;
beforeAll(async () => {
  engine = await startEngine();
  await engine.mustDocker(
    ...["run", "-d", "--name", "main", "--label", "one=1", "-e", "GREETING=hi"],
    ...["--log-opt", "labels=one", "--log-opt", "env=GREETING", "busybox"],
    ...[
      "sh",
      "-c",
      "trap 'echo got INT' INT; trap 'exit 3' TERM; echo up; while :; do sleep 1 & wait; done",
    ],
  );
  await waitUntil("main is up", async () => (await engine.mustDocker("logs", "main")) === "up");
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

const must = (...args: string[]) => engine.mustDocker(...args);
const inspect = (name: string, format: string) => must("inspect", "-f", format, name);
const terminal = (...args: string[]) =>
  new TerminalSession([DOCKER, ...args], { env: engine.environment() });

describe("files", () => {
  test("cp keeps owners with --archive, follows links with --follow-link, is silent with --quiet", async () => {
    const folder = join(engine.root, "files");
    mkdirSync(folder);
    writeFileSync(join(folder, "real"), "text\n");
    symlinkSync("real", join(folder, "link"));
    await mustRun(["chown", "1234:5678", join(folder, "real")]);
    const quiet = await engine.docker([
      "cp",
      "--quiet",
      "--archive",
      join(folder, "real"),
      "main:/kept",
    ]);
    expect(quiet).toMatchObject({ exitCode: 0, stdout: "", stderr: "" });
    await must("cp", "--follow-link", join(folder, "link"), "main:/followed");
    await must("cp", join(folder, "link"), "main:/unfollowed");
    expect(
      await must("exec", "main", "stat", "-c", "%u:%g %F", "/kept", "/followed", "/unfollowed"),
    ).toBe("1234:5678 regular file\n1234:5678 regular file\n0:0 symbolic link");
    await must("cp", "-a", "main:/kept", join(folder, "back"));
    expect(statSync(join(folder, "back"))).toHaveProperty("size", 5);
    const changes = (await must("diff", "main")).split("\n");
    expect(changes).toContain("A /kept");
  });

  test("export writes the root as an archive, to a file or to standard output", async () => {
    const path = join(engine.root, "root.tar");
    await must("export", "--output", path, "main");
    expect((await mustRun(["tar", "-xOf", path, "kept"])).stdout).toBe("text\n");
    const bytes = (
      await mustRun(["sh", "-c", `${DOCKER} export main | wc -c`], { env: engine.environment() })
    ).stdout;
    expect(Number(bytes)).toBe(statSync(path).size);
  });

  test("commit makes an image with author, message and changes", async () => {
    await must(
      ...["commit", "--author", "A Sailor", "--message", "a word", "--pause=false"],
      ...["--change", 'CMD ["cat", "/kept"]', "main", "committed:1"],
    );
    expect(await must("image", "inspect", "-f", "{{.Author}} {{.Comment}}", "committed:1")).toBe(
      "A Sailor a word",
    );
    expect(await must("run", "--rm", "committed:1")).toBe("text");
    await engine.mustWharf("commit", "--no-pause", "main", "committed:1");
    await must("rmi", "committed:1");
  });
});

describe("attach, exec and start", () => {
  test("attach leaves by --detach-keys; with --no-stdin and --sig-proxy=false the container hears nothing", async () => {
    await must("run", "-dit", "--name", "shell", "busybox", "sh");
    await using session = terminal("attach", "--detach-keys", "ctrl-a,q", "shell");
    session.type("echo $((40 + 2))\n");
    await session.expect("\n42");
    session.type("\x01q");
    await session.exited;
    expect(await inspect("shell", "{{.State.Running}}")).toBe("true");
    await using deaf = terminal("attach", "--no-stdin", "--sig-proxy=false", "main");
    await must("exec", "main", "sh", "-c", "echo heard >/proc/1/fd/1");
    await deaf.expect("heard");
  });

  test("exec takes stdin, an environment file, all rights and keys to leave by", async () => {
    const words = await engine.docker(["exec", "--interactive", "main", "cat"], {
      input: "typed\n",
    });
    expect(words.stdout).toBe("typed\n");
    const file = join(engine.root, "exec.env");
    writeFileSync(file, "IN_FILE=yes\n");
    expect(await must("exec", "--env-file", file, "main", "sh", "-c", "echo $IN_FILE")).toBe("yes");
    const capEff = ["main", "grep", "CapEff", "/proc/self/status"];
    expect(await must("exec", ...capEff)).toContain("00000000a80425fb");
    expect(await must("exec", "--privileged", ...capEff)).not.toContain("00000000a80425fb");
    await using session = terminal("exec", "-it", "--detach-keys", "ctrl-z,z", "main", "cat");
    session.type("echoed\n");
    await session.expect("echoed\r\nechoed");
    session.type("\x1az");
    await session.exited;
    expect(await must("top", "main")).toMatch(/ cat$/m);
  });

  test("start --attach --interactive passes stdin on and ends with the container's code", async () => {
    await must(
      "create",
      "-i",
      "--name",
      "again",
      "busybox",
      "sh",
      "-c",
      "read x; echo got $x; exit 6",
    );
    const result = await engine.docker(
      ["start", "--attach", "--interactive", "--detach-keys", "ctrl-x", "again"],
      { input: "this\n" },
    );
    expect(result).toMatchObject({ exitCode: 6, stdout: "got this\n" });
    await must("rm", "again");
    for (const flag of ["--checkpoint", "--checkpoint-dir"]) {
      const refused = await engine.docker(["start", flag, "x", "main"]);
      expect(refused.stderr).toContain(
        `"${flag}" is only supported on a Docker daemon with experimental features enabled`,
      );
    }
  });
});

describe("looking", () => {
  test("logs shows details, and what lies between --since and --until", async () => {
    const line = await must("logs", "--details", "--timestamps", "--tail", "1", "main");
    expect(line).toMatch(/^\S+Z GREETING=hi,one=1 heard$/);
    const [time = ""] = line.split(" ");
    expect(await must("logs", "--since", time, "main")).toBe("heard");
    expect(await must("logs", "--until", time, "--since", time, "main")).toMatch(/^(heard)?$/);
    expect(await must("logs", "--until", "2001-01-01T00:00:00Z", "main")).toBe("");
  });

  test("ls shows the last ones, the latest and sizes", async () => {
    await must("run", "--name", "ended", "busybox", "sh", "-c", "head -c 5000 /dev/zero >/x");
    const names = (...flags: string[]) => must("ps", "--format", "{{.Names}}", ...flags);
    expect(await names("--latest")).toBe("ended");
    expect(await names("--last", "2")).toBe("ended\nshell");
    expect(
      await must("ps", "--all", "--size", "--filter", "name=ended", "--format", "{{.Size}}"),
    ).toStartWith("5kB (virtual ");
    expect(await must("container", "inspect", "--size", "--format", "{{.SizeRw}}", "ended")).toBe(
      "5000",
    );
    expect(
      await must("inspect", "--size", "--type", "container", "--format", "{{.SizeRw}}", "ended"),
    ).toBe("5000");
    await must("run", "--name", "idle", "busybox", "true");
    const idle = ["ps", "--all", "--size", "--filter", "name=idle", "--format", "{{.Size}}"];
    expect(await must(...idle)).toStartWith("0B (virtual ");
    await must("rm", "idle");
    const wrong = await engine.docker(["inspect", "--type", "volume", "ended"]);
    expect(wrong.stderr).toContain("no such volume");
  });

  test("stats --all names those that do not run, --no-trunc whole ids", async () => {
    const lines = await must(
      "stats",
      "--all",
      "--no-trunc",
      "--no-stream",
      "--format",
      "{{.ID}} {{.Name}}",
    );
    expect(lines).toContain(`${await inspect("ended", "{{.Id}}")} ended`);
    expect(lines).toContain(`${await inspect("main", "{{.Id}}")} main`);
  });
});

test("update changes every limit of a running container", async () => {
  await must(
    ...["update", "--memory", "96m", "--memory-swap", "128m", "--memory-reservation", "32m"],
    ...["--cpu-shares", "300", "--cpu-period", "50000", "--cpu-quota", "20000"],
    ...["--cpuset-cpus", "0", "--cpuset-mems", "0", "--restart", "on-failure:4", "main"],
  );
  const host = await inspect(
    "main",
    "{{with .HostConfig}}{{.Memory}} {{.MemorySwap}} {{.MemoryReservation}} {{.CPUShares}} {{.CPUPeriod}} {{.CPUQuota}} {{.CpusetCpus}} {{.CpusetMems}} {{.RestartPolicy}}{{end}}",
  );
  expect(host).toBe("100663296 134217728 33554432 300 50000 20000 0 0 {on-failure 4}");
  const read = "cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes 2>/dev/null || cat memory.max";
  expect(await must("exec", "main", "sh", "-c", read)).toBe("100663296");
  await must("update", "--restart", "no", "shell");
  await must("update", "--cpus", "0.25", "shell");
  expect(await inspect("shell", "{{.HostConfig.NanoCpus}}")).toBe("250000000");
});

test("update sets block I/O weights and real-time CPU where the kernel has them", async () => {
  const find = "cd /sys/fs/cgroup; cat blkio/blkio.weight 2>/dev/null; true";
  const hasWeights = (await must("exec", "shell", "sh", "-c", find)) !== "";
  const weight = await engine.docker(["update", "--blkio-weight", "300", "shell"]);
  expect(weight.exitCode).toBe(0);
  const written = hasWeights ? "300" : "0";
  expect(await inspect("shell", "{{.HostConfig.BlkioWeight}}")).toBe(written);
  if (hasWeights) expect(await must("exec", "shell", "sh", "-c", find)).toContain("300");
  else {
    expect(weight.stdout + weight.stderr).toContain(
      "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.",
    );
  }

  const flags = ["--cpu-rt-period", "900000", "--cpu-rt-runtime", "0"];
  const realtime = await engine.docker(["update", ...flags, "shell"]);
  if (!existsSync("/sys/fs/cgroup/cpu/cpu.rt_period_us")) {
    expect(realtime.stderr).toContain("Your kernel does not support CPU real-time");
    return;
  }
  expect(realtime).toMatchObject({ exitCode: 0, stdout: "shell\n" });
  const files = ["cpu.rt_period_us", "cpu.rt_runtime_us"].map((one) => `/sys/fs/cgroup/cpu/${one}`);
  expect(await must("exec", "shell", "cat", ...files)).toBe("900000\n0");
});

test("restart and stop send the signal that is asked for", async () => {
  const events = async (signal: string) =>
    await must(
      "events",
      "--since",
      "10m",
      "--until",
      new Date().toISOString(),
      "--filter",
      "event=kill",
      "--format",
      "{{.Actor.Attributes.signal}}",
      "--filter",
      `container=${signal}`,
    );
  await must("restart", "--signal", "TERM", "--time", "5", "main");
  expect(await inspect("main", "{{.State.Running}}")).toBe("true");
  await must("stop", "--signal", "INT", "--time", "0", "main");
  const signals = (await events("main")).split("\n");
  expect(signals).toContain("15");
  expect(signals).toContain("2");
});

test("prune removes what its filter names", async () => {
  await must("create", "--name", "labelled", "--label", "go=1", "busybox");
  const out = await must("container", "prune", "--force", "--filter", "label=go=1");
  expect(out).toContain("Deleted Containers:");
  expect(await must("ps", "-a", "--format", "{{.Names}}")).not.toContain("labelled");
  expect(await must("ps", "-a", "--format", "{{.Names}}")).toContain("ended");
  expect(readFileSync(join(engine.root, "exec.env"), "utf8")).toBe("IN_FILE=yes\n");
});
