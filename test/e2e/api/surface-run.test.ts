// The rarer flags of `run` and `create`: what each does, or by which words it is refused.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DOCKER, hasDockerCli, startEngine, type TestEngine } from "../../harness/engine.ts";
import { TerminalSession } from "../../harness/terminal.ts";
import { waitUntil } from "../../harness/wait-until.ts";

const CGROUPS = "/sys/fs/cgroup";

let engine: TestEngine;
beforeAll(async () => {
  engine = await startEngine();
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

const run = (...args: string[]) => engine.mustDocker("run", "--rm", ...args);
const inspect = (name: string, format: string) => engine.mustDocker("inspect", "-f", format, name);
const file = (name: string, text: string): string => {
  const path = join(engine.root, name);
  writeFileSync(path, text);
  return path;
};

test("one container with many rare flags has them all", async () => {
  const cidfile = join(engine.root, "cid");
  await engine.mustDocker(
    ...["run", "-d", "--name", "rare", "--cidfile", cidfile, "--hostname", "ship"],
    ...["--annotation", "org.example=deep", "--domainname", "sea.example"],
    ...["--env-file", file("env", "# a comment\nFROM_FILE=a b\n"), "-e", "OWN=1"],
    ...["--label-file", file("labels", "from=file\n"), "--label", "own=1"],
    ...["--mac-address", "02:42:ac:11:00:99", "--platform", "linux", "--isolation", "default"],
    ...["--link-local-ip", "169.254.7.7", "--userns", "host", "--volume-driver", "local"],
    ...["-v", "hold:/hold", "--log-driver", "json-file", "--log-opt", "max-size=1m"],
    ...["--health-cmd", "true", "--health-start-period", "3s", "--health-start-interval", "500ms"],
    ...["busybox", "sleep", "1000"],
  );
  expect(await inspect("rare", "{{.Id}}")).toBe(readFileSync(cidfile, "utf8"));
  const exec = (script: string) => engine.mustDocker("exec", "rare", "sh", "-c", script);
  expect(await exec("hostname -f; echo $FROM_FILE $OWN; cat /sys/class/net/eth0/address")).toBe(
    "ship.sea.example\na b 1\n02:42:ac:11:00:99",
  );
  expect(await exec("cat /proc/self/uid_map")).toMatch(/^\s*0\s+0\s+4294967295$/);
  const config = await inspect(
    "rare",
    "{{.HostConfig.Annotations}} {{.Config.Labels}} {{.HostConfig.LogConfig}} {{.HostConfig.VolumeDriver}}",
  );
  expect(config).toBe(
    "map[org.example:deep] map[from:file own:1] {json-file map[max-size:1m]} local",
  );
  expect(await inspect("rare", "{{json .Config.Healthcheck}}")).toBe(
    '{"Test":["CMD-SHELL","true"],"StartPeriod":3000000000,"StartInterval":500000000}',
  );
  expect(await engine.mustDocker("volume", "inspect", "-f", "{{.Driver}}", "hold")).toBe("local");
  await engine.mustDocker("rm", "-f", "rare");
});

test("--cgroup-parent puts the container's cgroup below that one", async () => {
  const parent = `wharf-parent-${process.pid}`;
  await engine.mustDocker(
    ...[
      "run",
      "-d",
      "--name",
      "below",
      "--cgroup-parent",
      `/${parent}`,
      "busybox",
      "sleep",
      "1000",
    ],
  );
  const [pid, id] = (await inspect("below", "{{.State.Pid}} {{.Id}}")).split(" ");
  expect(readFileSync(`/proc/${pid}/cgroup`, "utf8")).toContain(`/${parent}/${id}\n`);
  await engine.mustDocker("rm", "-f", "below");
  // a parent belongs to who named it
  for (const hierarchy of [".", ...readdirSync(CGROUPS)]) {
    const left = join(CGROUPS, hierarchy, parent);
    await waitUntil(`${left} is gone`, () => {
      try {
        if (existsSync(left)) rmdirSync(left);
        return true;
      } catch {
        return false; // the engine takes the container's own away behind its answer
      }
    });
  }
});

test("block I/O weights are set where the kernel has them, else discarded with Docker's warning", async () => {
  const device = readFileSync("/proc/partitions", "utf8").trim().split(/\s+/).at(-1) ?? "";
  const read = "cd /sys/fs/cgroup; cat blkio/blkio.weight 2>/dev/null; true";
  const hasWeights = (await run("busybox", "sh", "-c", read)) !== "";
  const result = await engine.docker([
    ...["run", "--rm", "--blkio-weight", "300", "--blkio-weight-device", `/dev/${device}:300`],
    ...["busybox", "sh", "-c", read],
  ]);
  expect(result.exitCode).toBe(0);
  if (hasWeights) {
    expect(result.stdout).toMatch(/(^|\s)300$/m);
    return;
  }
  expect(result.stdout).toBe("");
  expect(result.stderr.split("\n").slice(0, 2)).toEqual([
    "WARNING: Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.",
    "WARNING: Your kernel does not support Block I/O weight_device or the cgroup is not mounted. Weight-device discarded.",
  ]);
});

test("--attach chooses the streams that are shown", async () => {
  const both = ["busybox", "sh", "-c", "echo out; echo err >&2"];
  expect(await engine.docker(["run", "--rm", "-a", "stdout", ...both])).toMatchObject({
    stdout: "out\n",
    stderr: "",
  });
  expect(await engine.docker(["run", "--rm", "--attach", "stderr", ...both])).toMatchObject({
    stdout: "",
    stderr: "err\n",
  });
});

test("--log-driver none keeps nothing to read", async () => {
  await engine.mustDocker("run", "--name", "mute", "--log-driver", "none", "busybox", "echo", "hi");
  const logs = await engine.docker(["logs", "mute"]);
  expect(logs).toMatchObject({ exitCode: 1, stdout: "" });
  expect(logs.stderr).toContain("configured logging driver does not support reading");
  await engine.mustDocker("rm", "mute");
});

test("--use-api-socket puts the engine's socket into the container", async () => {
  const socket = await run("--use-api-socket", "busybox", "ls", "-l", "/var/run/docker.sock");
  expect(socket).toMatch(/^s/);
});

test("--detach-keys leaves a container that --sig-proxy=false keeps from signals", async () => {
  await using session = new TerminalSession(
    [
      ...[DOCKER, "run", "-it", "--name", "left", "--detach-keys", "ctrl-x,x", "--sig-proxy=false"],
      ...["busybox", "sh", "-c", "echo ready; exec sleep 1000"],
    ],
    { env: engine.environment() },
  );
  await session.expect("ready");
  session.type("\x18x");
  expect(await session.exited).toBe(0);
  expect(await inspect("left", "{{.State.Running}}")).toBe("true");
  await engine.mustDocker("rm", "-f", "left");
});

describe("refused as by Docker", () => {
  const windows = (flag: string, value: string): [string[], string] => [
    [flag, value],
    `"${flag}" is only supported on a Docker daemon running on windows, but the Docker daemon is running on linux`,
  ];
  const rows: [string[], string][] = [
    windows("--cpu-count", "2"),
    windows("--cpu-percent", "20"),
    windows("--io-maxbandwidth", "1m"),
    windows("--io-maxiops", "5"),
    [["--isolation", "hyperv"], "invalid isolation (hyperv): linux only supports 'default'"],
    [
      ["--ip", "172.17.0.99"],
      "user-specified IP address is supported on user-defined networks only",
    ],
    [["--ip6", "fd00::9"], "user-specified IP address is supported on user-defined networks only"],
    [
      ["--network-alias", "x"],
      "network-scoped aliases are only supported for user-defined networks",
    ],
    [["--storage-opt", "nosuch=1"], "nosuch"],
    [["--userns", "keep-id"], "--userns: invalid USER mode"],
    [["--platform", "nosuch"], 'error parsing specified platform: "nosuch"'],
    [["--blkio-weight-device", "x"], 'invalid argument "x" for "--blkio-weight-device" flag'],
    [["--log-driver", "nosuch"], "nosuch"],
    [["--health-start-period", "-1s"], "--health-start-period cannot be negative"],
    [["--pull", "never", "--volume-driver", "nosuch", "-v", "vol:/x"], "nosuch"],
    [["--cpu-rt-period", "1000", "--cpu-rt-runtime", "2000"], "runtime"],
    [["--cpus", "0.5", "--cpu-quota", "5"], "Conflicting options: Nano CPUs and CPU Quota"],
  ];
  test.each(rows)("%p", async (flags, words) => {
    const result = await engine.docker(["run", "--rm", ...flags, "busybox", "true"]);
    expect(result.stderr).toContain(words);
    expect(result.exitCode).toBeGreaterThan(0);
    expect(await engine.mustDocker("ps", "-aq")).toBe("");
  });

  test("an image of another platform", async () => {
    const args = ["create", "--pull", "never", "--platform", "linux/s390x", "busybox"];
    const result = await engine.docker(args);
    expect(result.exitCode).toBe(hasDockerCli ? 1 : 125);
    const own = await engine.mustDocker("version", "-f", "{{.Server.Os}}/{{.Server.Arch}}");
    expect(result.stderr).toContain(
      `image with reference busybox was found but its platform (${own}) does not match the specified platform (linux/s390x)`,
    );
  });
});
