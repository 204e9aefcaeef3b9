// A user runs commands of an application, looks into its containers, and takes things out of them.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CommandResult } from "../../harness/command.ts";
import { startEngine, type TestEngine, WHARF } from "../../harness/engine.ts";
import { TerminalSession } from "../../harness/terminal.ts";
import { waitUntil } from "../../harness/wait-until.ts";

let engine: TestEngine;
let folder: string;
beforeAll(async () => {
  // its log tells when a client has begun to wait
  engine = await startEngine({ flags: ["--log-level", "debug"] });
  folder = mkdtempSync("/var/tmp/wharf-compose-");
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await engine[Symbol.asyncDispose]();
});

function project(name: string, text: string): string {
  const path = join(folder, name);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, "compose.yaml"), text);
  return path;
}

const asked = (
  path: string,
  args: readonly string[],
  options: { env?: Record<string, string>; input?: string } = {},
): Promise<CommandResult> =>
  engine.wharf(["compose", "--project-directory", path, ...args], options);
const compose = async (path: string, ...args: readonly string[]): Promise<string> => {
  const { exitCode, stdout, stderr } = await asked(path, args);
  if (exitCode !== 0) throw new Error(`${args.join(" ")}: ${stderr}`);
  return stdout.trim();
};
const inspect = async <T>(name: string): Promise<T> =>
  JSON.parse(await engine.mustDocker("inspect", "-f", "{{json .}}", name)) as T;

const SLEEPER = "{image: busybox, command: sleep 1000, init: true, stop_grace_period: 1s";

describe("wharf compose run", () => {
  test("runs one command with what it needs, its labels, its exit code", async () => {
    const path = project(
      "once",
      `services:
  web:
    image: busybox
    command: sleep 1000
    init: true
    restart: always
    ports: ["127.0.0.1::80"]
    environment: {A: file, B: file}
    labels: {own: file}
    cap_add: [SYS_TIME]
    depends_on: {db: {condition: service_healthy}}
    volumes: ["data:/data"]
    networks: {default: {aliases: [site]}}
    configs: [{source: greeting, target: /greeting}]
  db: ${SLEEPER}, healthcheck: {test: ["CMD", "true"], interval: 200ms}}
volumes: {data: }
configs: {greeting: {content: hello}}
`,
    );
    const first = await asked(path, ["run", "--rm", "web", "cat", "/greeting"]);
    expect(first.stdout).toBe("hello");
    expect(first.stderr).toContain(" Container once-db-1  Healthy");
    const failed = await asked(path, [
      "run",
      "--rm",
      "--no-deps",
      "-T",
      "web",
      "sh",
      "-c",
      "exit 5",
    ]);
    expect(failed.exitCode).toBe(5);
    const given = await asked(path, ["run", "--rm", "-T", "web", "cat"], { input: "typed" });
    expect(given.stdout).toBe("typed");

    writeFileSync(join(path, "more.env"), "B=from-file\nC='quoted'\n");
    const flags = [
      ...["-d", "--name", "named", "-e", "A=flag", "-e", "D", "-e", "MISSING"],
      ...["--env-from-file", join(path, "more.env"), "-l", "own=flag", "--labels", "more=1"],
      ...["-u", "1:2", "-w", "/tmp", "-v", `${path}:/here:ro`, "--volumes", "/anonymous"],
      ...["-p", "127.0.0.1::81", "--use-aliases", "--cap-add", "NET_ADMIN"],
      ...["--cap-drop", "SYS_TIME", "--entrypoint", "sleep 1000"],
    ];
    const detached = await asked(path, ["run", ...flags, "web"], { env: { D: "client" } });
    expect(detached.exitCode).toBe(0);
    interface Inspected {
      readonly Config: Readonly<Record<string, unknown>> & {
        readonly Labels: Readonly<Record<string, string>>;
        readonly Env: readonly string[];
      };
      readonly HostConfig: Readonly<Record<string, unknown>>;
      readonly NetworkSettings: {
        readonly Networks: Readonly<Record<string, { readonly Aliases: readonly string[] }>>;
      };
    }
    const named = await inspect<Inspected>("named");
    expect(detached.stdout.trim()).toBe((await inspect<{ Id: string }>("named")).Id);
    expect(named.Config.Env.filter((one) => !one.startsWith("PATH=")).toSorted()).toEqual([
      "A=flag",
      "B=from-file",
      "C=quoted",
      "D=client",
    ]);
    expect(named.Config).toMatchObject({
      User: "1:2",
      WorkingDir: "/tmp",
      Entrypoint: ["sleep", "1000"],
      OpenStdin: true,
      StdinOnce: true,
    });
    const { Labels } = named.Config;
    expect([Labels["own"], Labels["more"]]).toEqual(["flag", "1"]);
    expect(Labels["com.docker.compose.oneoff"]).toBe("True");
    expect(Labels["com.docker.compose.slug"]).toMatch(/^[0-9a-f]{64}$/);
    expect(Labels["com.docker.compose.container-number"]).toBeUndefined();
    expect(named.HostConfig).toMatchObject({
      RestartPolicy: { Name: "no" },
      PortBindings: { "81/tcp": [{ HostIp: "127.0.0.1", HostPort: "" }] },
    });
    expect(JSON.stringify(named.HostConfig["CapAdd"])).toContain("NET_ADMIN");
    expect(JSON.stringify(named.HostConfig["CapAdd"])).not.toContain("SYS_TIME");
    expect(named.NetworkSettings.Networks["once_default"]?.Aliases).toContain("site");
    expect(await engine.mustDocker("exec", "named", "ls", "/here")).toContain("compose.yaml");

    const ported = await asked(path, ["run", "-dPq", "--quiet-pull", "web", "sleep", "1000"]);
    expect(ported.stderr).toBe("");
    const id = ported.stdout.trim();
    expect(await engine.mustDocker("port", id)).toContain("80/tcp -> 127.0.0.1:");
    const alone = await inspect<Inspected>(id);
    expect(alone.NetworkSettings.Networks["once_default"]?.Aliases).not.toContain("site");

    for (const [args, message] of [
      [["run", "-P", "-p", "1:1", "web"], "--service-ports and --publish are incompatible"],
      [["run", "nosuch"], "no such service: nosuch"],
      [["run", "--env-from-file", "gone.env", "web"], "open gone.env: no such file or directory"],
      [["run", "-t", "-i", "web"], "the input device is not a TTY"],
      [["run", "--dry-run", "web"], "interactive run is not supported in dry-run mode"],
      [["run", "-d", "--name", "named", "web"], "already in use"],
    ] as const) {
      const { stderr, exitCode } = await asked(path, args);
      expect([args.join(" "), exitCode]).toEqual([args.join(" "), 1]);
      expect(stderr).toContain(message);
    }
    expect(await compose(path, "ps", "-q")).not.toContain(id);
    await compose(path, "down", "-v", "-t", "0");
    expect(
      await engine.mustDocker("ps", "-aq", "--filter", "label=com.docker.compose.oneoff"),
    ).toBe("");
  });

  test("builds what it runs, takes the terminal, hands signals on", async () => {
    const path = project(
      "typed",
      `services:
  app: {build: {dockerfile_inline: "FROM busybox\\nRUN echo built >/mark"}}
`,
    );
    const built = await asked(path, [
      "run",
      "--rm",
      "--build",
      "--quiet-build",
      "app",
      "cat",
      "/mark",
    ]);
    expect(built.stdout).toBe("built\n");
    const pulled = await asked(path, ["run", "--rm", "--pull", "never", "-i=false", "app", "cat"]);
    expect([pulled.stdout, pulled.exitCode]).toEqual(["", 0]);
    {
      await using session = new TerminalSession(
        [WHARF, "compose", "--project-directory", path, "run", "--rm", "app", "sh"],
        { env: engine.environment() },
      );
      session.type("tty && exit 7\n");
      await session.expect("/dev/pts/0");
      expect(await session.exited).toBe(7);
    }
    const child = Bun.spawn(
      [
        ...[WHARF, "compose", "--project-directory", path, "run", "--rm", "-T", "app", "sh", "-c"],
        "trap 'exit 9' TERM; echo ready; while :; do sleep 0.1; done",
      ],
      { env: { ...process.env, ...engine.environment() }, stdout: "pipe", stderr: "ignore" },
    );
    const reader = child.stdout.getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toContain("ready");
    child.kill("SIGTERM");
    expect(await child.exited).toBe(9);
    await compose(path, "down", "--rmi", "local", "--remove-orphans");
  });
});

/** Requests to wait for a container that the engine has taken up so far. */
const waits = (): number => engine.daemonLog().split(/Calling POST \S*\/wait/).length - 1;

describe("containers of a running application", () => {
  let path: string;
  beforeAll(async () => {
    path = project(
      "live",
      `services:
  web: ${SLEEPER}, scale: 2, environment: {A: file}, volumes: ["data:/data"]}
  db: ${SLEEPER}, ports: ["127.0.0.1::80", "127.0.0.1::53/udp"], volumes: ["other:/other"]}
  idle: {image: busybox, command: "true"}
volumes: {data: , other: }
`,
    );
    await compose(path, "up", "-d", "web", "db");
  });
  afterAll(async () => {
    await compose(path, "down", "-v", "-t", "0", "--remove-orphans");
  });

  const refused = async (message: string, ...args: readonly string[]): Promise<void> => {
    const { exitCode, stderr } = await asked(path, args);
    expect([args.join(" "), exitCode]).toEqual([args.join(" "), 1]);
    expect(stderr).toContain(message);
  };

  test("exec: in the first or a chosen container, with its exit code", async () => {
    const ids = (await compose(path, "ps", "-q", "web")).split("\n");
    expect(await compose(path, "exec", "--index", "2", "web", "hostname")).toBe(
      (ids[1] ?? "").slice(0, 12),
    );
    const words = [
      "-e",
      "A=flag",
      "-w",
      "/tmp",
      "-u",
      "1:2",
      "web",
      "sh",
      "-c",
      "echo $A; pwd; id -u",
    ];
    expect(await compose(path, "exec", "-T", "--privileged", ...words)).toBe("flag\n/tmp\n1");
    const given = await asked(path, ["exec", "--no-TTY", "-i", "db", "cat"], { input: "typed" });
    expect(given.stdout).toBe("typed");
    expect((await asked(path, ["exec", "db", "sh", "-c", "exit 4"])).exitCode).toBe(4);
    expect((await asked(path, ["exec", "db", "nosuch"])).exitCode).toBe(127);
    await compose(path, "exec", "-d", "db", "touch", "/touched");
    await waitUntil("the file is there", async () => {
      return (await asked(path, ["exec", "db", "test", "-e", "/touched"])).exitCode === 0;
    });
    expect((await asked(path, ["exec", "--dry-run", "db", "rm", "/touched"])).exitCode).toBe(0);
    await compose(path, "exec", "db", "test", "-e", "/touched");
    await refused('service "idle" is not running', "exec", "idle", "true");
    await refused(
      'service "web" is not running container #3',
      "exec",
      "--index",
      "3",
      "web",
      "true",
    );
    await refused("the input device is not a TTY", "exec", "-t", "web", "sh");
    await using session = new TerminalSession(
      [WHARF, "compose", "--project-directory", path, "exec", "web", "sh"],
      { env: engine.environment() },
    );
    session.type("tty; exit 6\n");
    await session.expect("/dev/pts/0");
    expect(await session.exited).toBe(6);
  });

  test("cp: to all containers or one, and back", async () => {
    writeFileSync(join(path, "file"), "copied\n");
    const copied = await asked(path, ["cp", "-a", join(path, "file"), "web:/tmp/"]);
    expect(copied.stderr.split("\n")).toContain(
      ` live-web-2 copy ${join(path, "file")} to live-web-2:/tmp/ Copied`,
    );
    await compose(path, "cp", "--index", "2", join(path, "file"), "web:/only");
    expect(await compose(path, "exec", "--index", "2", "web", "cat", "/only")).toBe("copied");
    expect((await asked(path, ["exec", "web", "cat", "/only"])).exitCode).toBe(1);
    await compose(path, "exec", "web", "ln", "-s", "/tmp/file", "/link");
    await compose(path, "cp", "-L", "web:/link", join(path, "back"));
    expect(readFileSync(join(path, "back"), "utf8")).toBe("copied\n");
    await compose(path, "run", "-d", "--no-deps", "db", "sleep", "1000");
    await compose(path, "cp", "--all", join(path, "file"), "db:/everywhere");
    expect((await asked(path, ["cp", "--dry-run", "web:/only", "/nowhere/at/all"])).exitCode).toBe(
      0,
    );
    await refused("copying between services is not supported", "cp", "web:/a", "db:/b");
    await refused("unknown copy direction", "cp", "a", "b");
    await refused('no container found for service "idle"', "cp", "idle:/a", "b");
    await refused("Could not find the file /gone", "cp", "web:/gone", join(path, "b"));
  });

  test("port, images, top, volumes, stats: what there is", async () => {
    expect(await compose(path, "port", "db", "80")).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(await compose(path, "port", "--protocol", "udp", "--index", "1", "db", "53")).toMatch(
      /^127\.0\.0\.1:\d+$/,
    );
    await refused("no port 81/tcp for container live-db-1: ", "port", "db", "81");
    await refused('strconv.ParseUint: parsing "abc": invalid syntax', "port", "db", "abc");

    const table = (await compose(path, "images", "web")).split("\n");
    expect(table[0]).toMatch(/^CONTAINER {11}REPOSITORY {10}TAG {17}PLATFORM {12}IMAGE ID/);
    expect(table[1]).toMatch(/^live-web-1 {10}busybox {13}latest {14}linux\//);
    expect(table).toHaveLength(3);
    const id = await engine.mustDocker("inspect", "-f", "{{.Id}}", "busybox");
    expect(await compose(path, "images", "-q")).toBe(id.replace("sha256:", ""));
    const [listed] = JSON.parse(
      await compose(path, "images", "--format", "json", "db"),
    ) as readonly [object];
    expect(listed).toMatchObject({ ID: id, ContainerName: "live-db-1", Repository: "busybox" });

    const top = (await compose(path, "top", "web")).split("\n");
    expect(top[0]).toMatch(/^SERVICE {2}# {3}UID +PID +PPID/);
    expect(top.filter((line) => /^web {6}[12] .*sleep 1000$/.test(line))).toHaveLength(4);

    expect(await compose(path, "volumes")).toBe(
      "DRIVER    VOLUME NAME\nlocal     live_data\nlocal     live_other",
    );
    expect(await compose(path, "volumes", "-q", "web")).toBe("live_data");
    expect(await compose(path, "volumes", "--format", "{{.Name}}|{{.Driver}}", "db")).toBe(
      "live_other|local",
    );
    await refused("no such service: nosuch", "volumes", "nosuch");

    const stats = await compose(path, "stats", "--no-stream", "--format", "{{.Name}}", "web");
    expect(stats).toBe("live-web-1\nlive-web-2");
    const none = await compose(path, "stats", "--all", "--no-trunc", "--no-stream", "idle");
    expect(none).toMatch(/^CONTAINER ID +NAME +CPU %/);
  });

  test("commit, export: an image, an archive", async () => {
    await compose(path, "exec", "db", "sh", "-c", "echo kept >/kept");
    const committed = await asked(path, [
      ...["commit", "-a", "Somebody", "-m", "why", "-c", "LABEL a=b", "-p=false"],
      ...["--index", "1", "db", "live-kept:1"],
    ]);
    expect(committed.stderr).toContain(" live-db-1 Commit live-db-1 Committed as sha256:");
    expect(await engine.mustDocker("run", "--rm", "live-kept:1", "cat", "/kept")).toBe("kept");
    expect(
      await engine.mustDocker("inspect", "-f", "{{.Author}} {{.Config.Labels.a}}", "live-kept:1"),
    ).toBe("Somebody b");
    const file = join(path, "db.tar");
    await compose(path, "export", "-o", file, "--index", "1", "db");
    expect(existsSync(file)).toBe(true);
    const archive = await asked(path, ["export", "db"]);
    expect(archive.stdout).toContain("kept\n");
    await refused('service "idle" is not running', "commit", "idle");
    await refused('service "idle" is not running', "export", "idle");
  });

  test("scale, wait, attach, events: as things go on", async () => {
    const since = String(Math.floor(Date.now() / 1000));
    await compose(path, "scale", "web=3", "--no-deps");
    expect(await compose(path, "ps", "-q", "web").then((text) => text.split("\n").length)).toBe(3);
    await compose(path, "scale", "web=2");
    await refused("invalid scale specifier: web", "scale", "web");
    await refused(
      "invalid scale specifier: can't parse replica value as int: web=x",
      "scale",
      "web=x",
    );

    const before = waits();
    const attached = asked(path, ["attach", "--no-stdin", "--index", "2", "web"]);
    const waited = asked(path, ["wait", "web"]);
    await waitUntil("three waits have begun", () => waits() >= before + 3);
    for (const one of ["live-web-1", "live-web-2"])
      await engine.mustDocker("kill", "-s", "TERM", one);
    const { stdout, exitCode } = await waited;
    expect(exitCode).toBe(143);
    expect(stdout).toMatch(/^container "[0-9a-f]{64}" exited with status code 143\n/);
    expect((await attached).exitCode).toBe(143);
    await refused('no containers for project "live"', "wait", "idle");
    await refused('service "idle" is not running', "attach", "idle");

    const until = String(Math.floor(Date.now() / 1000) + 1);
    const text = await asked(path, ["events", "--since", since, "--until", until, "web"]);
    expect(text.stdout).toMatch(
      /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6} container create [0-9a-f]{64} \(image=busybox, name=live-web-3\)\n\n/,
    );
    const lines = await asked(path, ["events", "--json", "--since", since, "--until", until]);
    const events = lines.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
    expect(events.map(({ action }) => action)).toContain("die");
    expect(Object.keys(events[0] ?? {})).toEqual([
      ...["action", "attributes", "id", "service", "time", "type"],
    ]);

    await compose(path, "up", "-d", "web");
    const begun = waits();
    const down = asked(path, ["wait", "--down-project", "db"]);
    await waitUntil("the wait has begun", () => waits() > begun);
    await engine.mustDocker("kill", "-s", "TERM", "live-db-1");
    expect((await down).exitCode).toBe(143);
    expect(await engine.mustDocker("ps", "-aq", "--filter", "name=live-")).toBe("");
  });

  test("--compatibility: names as the first Compose made them", async () => {
    const old = project(
      "named",
      `services:
  app: {build: {dockerfile_inline: "FROM busybox"}, command: sleep 1000, init: true, stop_grace_period: 1s}
`,
    );
    await compose(old, "--compatibility", "up", "-d", "--quiet-build");
    expect(
      await engine.mustDocker("ps", "--filter", "name=named_", "--format", "{{.Names}} {{.Image}}"),
    ).toBe("named_app_1 named_app");
    const listed = await asked(old, ["ps", "--services"], { env: { COMPOSE_COMPATIBILITY: "1" } });
    expect(listed.stdout).toBe("app\n");
    await compose(old, "--compatibility", "down", "--rmi", "local");
    expect(await engine.mustDocker("images", "-q", "named_app")).toBe("");
  });

  test("convert, --version: what was and what is", async () => {
    expect(await compose(path, "convert", "--services")).toBe("db\nidle\nweb");
    const version = await engine.mustWharf("compose", "--version");
    expect(version).toMatch(/^Wharf Compose version \d/);
  });
});
