// A user has the engine watch over what runs, and sees it in `ps`, `inspect` and `events`.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { startEngine, type TestEngine } from "../../harness/engine.ts";
import { waitUntil } from "../../harness/wait-until.ts";

interface State {
  readonly Status: string;
  readonly StartedAt: string;
  readonly ExitCode: number;
  readonly Health?: {
    readonly Status: string;
    readonly FailingStreak: number;
    readonly Log: readonly { Start: string; End: string; ExitCode: number; Output: string }[];
  };
}

let engine: TestEngine;
beforeAll(async () => {
  engine = await startEngine();
});
afterAll(() => engine[Symbol.asyncDispose]());

const FAST = ["--health-interval", "200ms", "--health-retries", "2"];

async function inspect(name: string): Promise<{ State: State; RestartCount: number }> {
  const answer = await engine.api("GET", `/containers/${name}/json`);
  return (await answer.json()) as { State: State; RestartCount: number };
}

async function health(name: string): Promise<NonNullable<State["Health"]>> {
  const { State } = await inspect(name);
  if (!State.Health) throw new Error(`${name} has no health`);
  return State.Health;
}

async function becomes(name: string, status: string): Promise<NonNullable<State["Health"]>> {
  return await waitUntil(`${name} is ${status}`, async () => {
    const found = await health(name);
    return found.Status === status && found;
  });
}

/** Files of processes that the runtime keeps: containers and execs. */
function kept(): readonly string[] {
  return readdirSync(join(engine.root, "run/runtime/processes"));
}

async function actions(name: string): Promise<readonly string[]> {
  const until = String(Math.ceil(Date.now() / 1000));
  const filters = encodeURIComponent(JSON.stringify({ container: [name] }));
  const answer = await engine.api("GET", `/events?since=0&until=${until}&filters=${filters}`);
  return (await answer.text())
    .split("\n")
    .filter(Boolean)
    .map((line) => (JSON.parse(line) as { Action: string }).Action);
}

describe("a health check by a command", () => {
  test("shows in ps, inspect, filters and events as it gets well and ill", async () => {
    const check = "echo checked; test -e /ok";
    await engine.mustDocker(
      ...["run", "-d", "--name", "web", ...FAST, "--health-cmd", check],
      ...["busybox", "sleep", "1000"],
    );
    expect(await engine.mustDocker("ps", "--format", "{{.Status}}")).toContain(
      "(health: starting)",
    );
    const ill = await becomes("web", "unhealthy");
    expect(ill.FailingStreak).toBeGreaterThanOrEqual(2);
    expect(ill.Log[0]).toMatchObject({ ExitCode: 1, Output: "checked\n" });
    expect(await engine.mustDocker("ps", "--filter", "health=unhealthy", "-q")).not.toBe("");
    await engine.mustDocker("exec", "web", "touch", "/ok");
    expect(await becomes("web", "healthy")).toMatchObject({ FailingStreak: 0 });
    expect(await engine.mustDocker("ps", "--format", "{{.Status}}")).toContain("(healthy)");
    expect(await engine.mustDocker("ps", "--filter", "health=unhealthy", "-q")).toBe("");
    const told = await actions("web");
    const words = `/bin/sh -c ${check}`;
    expect(told.slice(0, 5)).toEqual([
      "create",
      "start",
      `exec_create: ${words}`,
      `exec_start: ${words}`,
      "exec_die",
    ]);
    expect(told.filter((action) => action.startsWith("health_status"))).toEqual([
      "health_status: unhealthy",
      "health_status: healthy",
    ]);
  });

  test("rests while the container is paused, and when it has ended", async () => {
    await engine.mustDocker("pause", "web");
    const paused = await health("web");
    expect(paused.Status).toBe("unhealthy"); // as Docker has it
    expect(await engine.mustDocker("ps", "--format", "{{.Status}}")).toContain("(Paused)");
    await Bun.sleep(500); // nothing may happen
    expect(await health("web")).toEqual(paused);
    await engine.mustDocker("unpause", "web");
    await becomes("web", "healthy");
    await waitUntil("five are logged", async () => (await health("web")).Log.length === 5);
    await engine.mustDocker("stop", "-t", "0", "web");
    const ended = await health("web");
    expect(ended.Status).toBe("unhealthy");
    expect(ended.Log).toHaveLength(5);
    await engine.mustDocker("start", "web");
    expect(await health("web")).toMatchObject({ Status: "starting", Log: ended.Log });
    await engine.mustDocker("rm", "-f", "web");
  });

  test("is cut off with all that it started when it takes too long, and its output is kept short", async () => {
    await engine.mustDocker(
      ...["run", "-d", "--name", "slow", ...FAST, "--health-timeout", "300ms"],
      ...["--health-cmd", "echo begun; sleep 71 & sleep 72", "busybox", "sleep", "1000"],
    );
    await engine.mustDocker(
      ...["run", "-d", "--name", "loud", ...FAST],
      ...["--health-cmd", "yes | head -c 9000; exit 3", "busybox", "sleep", "1000"],
    );
    const slow = await becomes("slow", "unhealthy");
    expect(slow.Log[0]).toMatchObject({
      ExitCode: -1,
      Output: "Health check exceeded timeout (300ms): begun\n",
    });
    const loud = await becomes("loud", "unhealthy");
    expect(loud.Log[0]?.ExitCode).toBe(3);
    expect(loud.Log[0]?.Output).toHaveLength(4099);
    expect(loud.Log[0]?.Output).toEndWith("y\ny\n...");
    await engine.mustDocker("pause", "slow");
    expect(await engine.mustDocker("top", "slow", "-o", "pid,args")).not.toMatch(/sleep 7[12]/);
    await engine.mustDocker("rm", "-f", "slow", "loud");
  });

  test("goes on after kill -9 of the engine: the check under way is ended, the log stays", async () => {
    await engine.mustDocker(
      ...[
        "run",
        "-d",
        "--name",
        "lasting",
        "--health-interval",
        "200ms",
        "--health-timeout",
        "60s",
      ],
      ...["--health-cmd", "test -e /hang && exec sleep 73; true", "busybox", "sleep", "1000"],
    );
    await becomes("lasting", "healthy");
    await engine.mustDocker("exec", "lasting", "touch", "/hang");
    const hangs = () => engine.mustDocker("top", "lasting", "-o", "pid,args");
    await waitUntil("a check hangs", async () => (await hangs()).includes("sleep 73"));
    const before = await health("lasting");
    await engine.mustDocker("exec", "lasting", "rm", "/hang");
    await waitUntil("what other execs left is gone", () => kept().length === 2);
    const ran = kept();
    await engine.crash();
    await engine.start();
    expect(kept().filter((id) => ran.includes(id))).toHaveLength(1);
    const starts = (log: typeof before.Log) => log.map(({ Start }) => Start);
    expect(starts((await health("lasting")).Log)).toEqual(
      expect.arrayContaining(starts(before.Log.slice(-1))),
    );
    await waitUntil("it is checked again", async () => {
      const { Log } = await health("lasting");
      return Log.at(-1)?.Start !== before.Log.at(-1)?.Start && Log.at(-1)?.ExitCode === 0;
    });
    expect(await hangs()).not.toContain("sleep 73");
    await engine.mustDocker("rm", "-f", "lasting");
  });

  test("that is no program is told as such, and NONE switches the check off", async () => {
    const create = await engine.api("POST", "/containers/create?name=nosuch", {
      Image: "busybox",
      Cmd: ["sleep", "1000"],
      Healthcheck: { Test: ["CMD", "nosuch"], Interval: 100_000_000, Retries: 1 },
    });
    expect(create.status).toBe(201);
    await engine.mustDocker("start", "nosuch");
    const ill = await becomes("nosuch", "unhealthy");
    expect(ill.Log[0]?.ExitCode).toBe(-1);
    expect(ill.Log[0]?.Output).toContain('exec: "nosuch": executable file not found in $PATH');
    await engine.mustDocker("run", "-d", "--name", "off", "--no-healthcheck", "busybox", "top");
    expect((await inspect("off")).State.Health).toBeUndefined();
    await engine.mustDocker("rm", "-f", "nosuch", "off");
  });
});

describe("a health check by the engine", () => {
  const SERVER = "mkdir /www; echo fine >/www/up; exec httpd -f -p 127.0.0.1:8080 -h /www";

  test("asks by HTTP what listens on the container's own loopback", async () => {
    await engine.mustWharf(
      ...["run", "-d", "--name", "http", "--network", "none", ...FAST],
      ...["--health-http", ":8080/up", "busybox", "sh", "-c", SERVER],
    );
    const well = await becomes("http", "healthy");
    expect(well.Log.at(-1)).toMatchObject({ ExitCode: 0, Output: "HTTP 200 OK\nfine\n" });
    await engine.mustDocker("exec", "http", "rm", "/www/up");
    const ill = await becomes("http", "unhealthy");
    expect(ill.Log.at(-1)?.Output).toStartWith("HTTP 404 Not Found\n");
    expect(await actions("http")).not.toContain("exec_start");
    const test = await engine.mustDocker("inspect", "-f", "{{.Config.Healthcheck.Test}}", "http");
    expect(test).toBe("[HTTP :8080/up]");
  });

  test("connects to a port, told by a label that any client passes on", async () => {
    await engine.mustDocker(
      ...["run", "-d", "--name", "tcp", "--label", "wharf.health.tcp=8080", ...FAST],
      ...["busybox", "sh", "-c", SERVER],
    );
    expect((await becomes("tcp", "healthy")).Log.at(-1)?.Output).toBe(
      "Connected to 127.0.0.1:8080",
    );
    await engine.mustDocker("rm", "-f", "http", "tcp");
  });

  test("is refused when it cannot be read", async () => {
    const refused = await engine.wharf(["run", "--health-http", "https://localhost", "busybox"]);
    expect(refused.stderr).toContain("https is not supported, use http");
    expect(refused.exitCode).toBe(125);
    const label = await engine.docker(["create", "--label", "wharf.health.tcp=no", "busybox"]);
    expect(label.stderr).toContain('invalid TCP health check "no": want [HOST:]PORT');
    const empty = await engine.api("POST", "/containers/create", {
      Image: "busybox",
      Healthcheck: { Test: ["CMD"] },
    });
    expect(empty.status).toBe(400);
  });
});

describe("--health-on-failure", () => {
  const run = (name: string, action: string, ...more: string[]) =>
    engine.mustWharf(
      ...["run", "-d", "--name", name, ...FAST, "--health-cmd", "test ! -e /ill", ...more],
      ...[
        "--health-on-failure",
        action,
        "busybox",
        "sh",
        "-c",
        "trap 'exit 7' TERM; sleep 1000 & wait",
      ],
    );
  const sicken = (name: string) => engine.mustDocker("exec", name, "touch", "/ill");

  test("restart stops it with its own signal, starts it again and counts", async () => {
    await run("again", "restart");
    await becomes("again", "healthy");
    const before = await inspect("again");
    await sicken("again");
    const after = await waitUntil("it was restarted", async () => {
      const now = await inspect("again");
      return now.RestartCount > 0 && now.State.Status === "running" && now;
    });
    expect(after.State.StartedAt).not.toBe(before.State.StartedAt);
    await engine.mustDocker("exec", "again", "rm", "/ill");
    await becomes("again", "healthy");
    const told = await actions("again");
    expect(told.slice(told.indexOf("health_status: unhealthy"))).toContain("kill");
    await engine.mustDocker("stop", "-t", "1", "again");
    expect((await inspect("again")).State).toMatchObject({ Status: "exited", ExitCode: 7 });
    await engine.mustDocker("rm", "again");
  });

  test("stop ends it for good, kill leaves the rest to the policy", async () => {
    await Promise.all([
      run("stops", "stop", "--restart", "always"),
      run("dies", "kill", "--restart", "on-failure"),
    ]);
    await Promise.all([becomes("stops", "healthy"), becomes("dies", "healthy")]);
    await Promise.all([sicken("stops"), sicken("dies")]);
    await waitUntil("it ends", async () => (await inspect("stops")).State.Status === "exited");
    expect((await inspect("stops")).State.ExitCode).toBe(7);
    await waitUntil("the policy restarts it", async () => (await inspect("dies")).RestartCount > 0);
    await engine.mustDocker("rm", "-f", "stops", "dies");
  });

  test("is refused without a check, and restart with --rm", async () => {
    const none = await engine.wharf(["run", "--health-on-failure", "stop", "busybox", "true"]);
    expect(none.stderr).toContain("health-on-failure=stop needs a health check");
    const both = await engine.wharf([
      "run",
      "--rm",
      "--health-tcp",
      "80",
      "--health-on-failure",
      "restart",
      "busybox",
      "true",
    ]);
    expect(both.stderr).toContain("cannot specify both --health-on-failure=restart and --rm");
  });
});
