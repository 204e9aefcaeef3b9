// Somebody wants a container again that was started by hand long ago: on the command line or in Compose.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { startEngine, type TestEngine } from "../../harness/engine.ts";

let engine: TestEngine;
beforeAll(async () => {
  engine = await startEngine();
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

interface Inspected {
  readonly Config: { readonly Hostname: string };
  readonly HostConfig: object;
  readonly Mounts: readonly object[];
  readonly Path: string;
  readonly Args: readonly string[];
}

async function inspect(name: string): Promise<Inspected> {
  const answer = await engine.api("GET", `/containers/${name}/json`);
  return (await answer.json()) as Inspected;
}

/** Runs a shell line with our client in the place of `wharf`. */
async function shell(line: string): Promise<void> {
  const child = Bun.spawn(["bash", "-ec", `wharf() { "$WHARF" "$@"; }\n${line}`], {
    env: { ...process.env, ...engine.environment(), WHARF: `${process.cwd()}/dist/wharf` },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  const errors = await new Response(child.stderr).text();
  expect({ code: await child.exited, errors }).toEqual({ code: 0, errors: "" });
}

const seccomp = '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": []}';

test("inspect --as run: the printed line makes the same container", async () => {
  const profile = `${engine.root}/profile.json`;
  await Bun.write(profile, seccomp);
  const options = [
    ...["--hostname", "box", "--user", "1000:1000", "--workdir", "/tmp", "--init"],
    ...["-e", "A=it's $HOME", "-e", "B=two\nlines", "-l", "com.example=x y", "-v", "kept:/kept:ro"],
    ...["--mount", "type=bind,src=/etc/hostname,dst=/host,readonly", "--tmpfs", "/scratch:size=1m"],
    ...[
      "-v",
      "/anonymous",
      "-p",
      "127.0.0.1::80",
      "-p",
      "53/udp",
      "--expose",
      "90",
      "--dns",
      "1.1.1.1",
    ],
    ...["--add-host", "db:10.0.0.9", "-m", "64m", "--cpus", "0.5", "--pids-limit", "50"],
    ...["--ulimit", "nofile=512:1024", "--cap-drop", "ALL", "--cap-add", "CHOWN", "--read-only"],
    ...["--security-opt", "no-new-privileges", "--security-opt", `seccomp=${profile}`],
    ...["--sysctl", "net.ipv4.ip_unprivileged_port_start=0", "--restart", "on-failure:3"],
    ...["--health-cmd", "test -e /host", "--health-interval", "90s", "--stop-signal", "INT"],
    ...["--stop-timeout", "1", "--mac-address", "02:42:ac:11:00:42", "--shm-size", "32m"],
    ...["--log-opt", "max-size=2m", "--device", "/dev/null:/dev/nothing:r", "--group-add", "7"],
  ];
  const command = ["sh", "-c", "echo 'quoted \"word\"'; sleep 100"];
  await engine.mustWharf("run", "-d", "--name", "first", ...options, "busybox", ...command);
  const before = await inspect("first");
  const line = await engine.mustWharf("inspect", "--as", "run", "first");
  await engine.mustWharf("rm", "-f", "first");
  await shell(line);
  const after = await inspect("first");
  expect(after.Config).toEqual(before.Config);
  expect(after.HostConfig).toEqual(before.HostConfig);
  expect([after.Path, after.Args]).toEqual([before.Path, before.Args]);
  const lasting = (one: Inspected): readonly object[] =>
    one.Mounts.filter((mount) => !("Name" in mount) || mount.Name === "kept");
  expect(lasting(after)).toEqual(lasting(before));
  expect(await engine.mustWharf("container", "inspect", "--as", "run", "first")).toBe(line);
});

test("inspect --as run of a plain container is as plain", async () => {
  await engine.mustWharf("run", "-d", "--name", "plain", "busybox");
  expect(await engine.mustWharf("inspect", "--as", "run", "plain")).toBe(
    "wharf run --name plain -d busybox",
  );
});

test("inspect --as compose: one file for several containers; what it cannot say is a remark", async () => {
  await engine.mustWharf("create", "--name", "one", "-P", "-e", "PRICE=5$", "busybox", "true");
  await engine.mustWharf("create", "--name", "two", "-v", "kept:/kept", "-m", "8m", "busybox");
  const { stdout, stderr } = await engine.wharf(["inspect", "--as", "compose", "one", "two"]);
  expect(stderr).toBe("WARNING: one: --as compose cannot say --publish-all\n");
  expect(Bun.YAML.parse(stdout)).toEqual({
    services: {
      one: {
        container_name: "one",
        image: "busybox",
        command: ["true"],
        environment: ["PRICE=5$$"],
        network_mode: "bridge",
      },
      two: {
        container_name: "two",
        image: "busybox",
        network_mode: "bridge",
        volumes: ["kept:/kept"],
        mem_limit: "8m",
      },
    },
    volumes: { kept: { external: true, name: "kept" } },
  });
});

test("inspect --as refuses what it cannot do by name", async () => {
  const refusal = async (...words: readonly string[]): Promise<string> => {
    const { exitCode, stderr } = await engine.wharf(["inspect", ...words]);
    expect(exitCode).toBe(1);
    return stderr;
  };
  expect(await refusal("--as", "podman", "x")).toContain('must be one of "compose" or "run"');
  expect(await refusal("--as", "run", "--format", "json", "x")).toContain("both --as and --format");
  expect(await refusal("--as", "run", "--type", "image", "x")).toContain("is for containers");
  expect(await refusal("--as", "run", "nobody")).toContain("No such container: nobody");
});
