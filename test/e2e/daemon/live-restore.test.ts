// The engine goes away under running containers, killed or stopped and replaced by the next build, and comes back:
// nobody in a container notices, and what happened meanwhile is known.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { mustRun } from "../../harness/command.ts";
import { DOCKER, startEngine, type TestEngine } from "../../harness/engine.ts";
import { TerminalSession } from "../../harness/terminal.ts";
import { waitUntil } from "../../harness/wait-until.ts";

const NEXT_VERSION = "99.1.0";

interface Inspected {
  readonly RestartCount: number;
  readonly State: {
    readonly Status: string;
    readonly ExitCode: number;
    readonly Pid: number;
    readonly StartedAt: string;
    readonly Health?: { readonly Status: string; readonly Log: readonly { Start: string }[] };
  };
}

interface Absence {
  readonly how: string;
  readonly flags: readonly string[];
  /** Takes the engine away. */
  leave(engine: TestEngine): Promise<unknown>;
  /** The executable that comes back. */
  readonly successor: "same" | "next";
}

const ABSENCES: readonly Absence[] = [
  { how: "killed", flags: [], leave: (engine) => engine.crash(), successor: "same" },
  {
    how: "replaced by the next build",
    flags: ["--live-restore"],
    leave: (engine) => engine.stop(),
    successor: "next",
  },
];

let folder: string;
let nextBuild: string;

beforeAll(async () => {
  folder = mkdtempSync("/var/tmp/wharf-e2e-next-");
  nextBuild = join(folder, "wharf");
  await mustRun([
    process.execPath,
    "scripts/build.ts",
    ...["--outfile", nextBuild, "--version", NEXT_VERSION],
  ]);
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs until it is told to end by a signal, and ends with `code` then. */
const untilTold = (code: number) => [
  ...["busybox", "sh", "-c"],
  `trap "exit ${code}" USR1; echo ready; while :; do sleep 0.05; done`,
];

describe.each(ABSENCES)("the engine is $how:", ({ flags, leave, successor }) => {
  let engine: TestEngine;
  let webPort: string;
  const before = new Map<string, Inspected>();
  const execs = new Map<string, string>();
  let countedBefore = 0;
  let startedAgain = "";

  const run = (name: string, ...args: string[]) =>
    engine.mustDocker("run", "-d", "--name", name, ...args);
  const inspect = async (name: string): Promise<Inspected> =>
    (await (await engine.api("GET", `/containers/${name}/json`)).json()) as Inspected;
  const linesOf = async (name: string) =>
    (await engine.mustDocker("logs", name)).split("\n").map(Number);
  const ask = async () => await (await fetch(`http://127.0.0.1:${webPort}/`)).text();
  const inspectExec = async (name: string) =>
    (await (await engine.api("GET", `/exec/${execs.get(name)}/json`)).json()) as {
      Running: boolean;
      ExitCode: number | null;
      Pid: number;
    };

  async function startExec(name: string, container: string, script: string): Promise<number> {
    const made = await engine.api("POST", `/containers/${container}/exec`, {
      Cmd: ["sh", "-c", script],
    });
    execs.set(name, ((await made.json()) as { Id: string }).Id);
    await (await engine.api("POST", `/exec/${execs.get(name)}/start`, { Detach: true })).text();
    return (await inspectExec(name)).Pid;
  }

  beforeAll(async () => {
    engine = await startEngine({ flags });
    await Promise.all([
      run("counts", "busybox", "sh", "-c", "while :; do i=$((i+1)); echo $i; sleep 0.01; done"),
      run("pipe", "-i", "busybox", "sh", "-c", "while read x; do echo got $x; done; exit 4"),
      run("terminal", "-it", "busybox", "sh"),
      run("ends", ...untilTold(42)),
      run("leaves", "--rm", "-v", "/anonymous", ...untilTold(0)),
      run("fails", "--restart", "on-failure:5", ...untilTold(3)),
      run("web", "-p", "127.0.0.1::80", "busybox", "sh", "-c", "echo page >/index.html; httpd -f"),
      run("frozen", "busybox", "sleep", "100000"),
      run("checked", "--health-cmd=true", "--health-interval=100ms", "busybox", "sleep", "100000"),
    ]);
    await run("linked", "--link", "web:shop", "busybox", "sleep", "100000");
    await engine.mustDocker("pause", "frozen");
    webPort = (await engine.mustDocker("port", "web", "80")).split(":").at(-1) ?? "";
    await waitUntil("web answers", () => ask().catch(() => undefined));
    const told = "trap 'exit 7' USR1; touch /told; while :; do sleep 0.05; done";
    const endsAway = await startExec("ends-away", "counts", told);
    await startExec(
      "stays",
      "counts",
      "trap 'exit 8' USR1; while [ ! -e /go ]; do sleep 0.05; done; exit 8",
    );
    for (const name of ["ends", "leaves", "fails"]) {
      await waitUntil(`${name} has its trap`, async () =>
        (await engine.mustDocker("logs", name)).includes("ready"),
      );
    }
    await waitUntil(
      "the exec has its trap",
      async () => (await engine.docker(["exec", "counts", "test", "-e", "/told"])).exitCode === 0,
    );
    await waitUntil(
      "it is healthy",
      async () => (await inspect("checked")).State.Health?.Status === "healthy",
    );
    for (const name of [
      "counts",
      "pipe",
      "terminal",
      "ends",
      "leaves",
      "fails",
      "web",
      "frozen",
      "checked",
    ]) {
      before.set(name, await inspect(name));
    }
    countedBefore = (await linesOf("counts")).length;

    await leave(engine);

    const tell = (pid: number | undefined) => process.kill(pid ?? 0, "SIGUSR1");
    for (const name of ["ends", "leaves", "fails"]) tell(before.get(name)?.State.Pid);
    tell(endsAway);
    expect(await ask()).toBe("page\n");
    await waitUntil(
      "what was told has ended",
      () =>
        ["ends", "leaves", "fails"].every((name) => !isAlive(before.get(name)?.State.Pid)) &&
        !isAlive(endsAway),
    );
    if (successor === "next") engine.executable = nextBuild;
    await engine.start();
    startedAgain = (Date.now() / 1000).toFixed(3);
  });
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
  });

  test("the same processes run on, as they were", async () => {
    for (const name of ["counts", "pipe", "terminal", "web", "checked"]) {
      expect((await inspect(name)).State).toMatchObject({
        Status: "running",
        Pid: before.get(name)?.State.Pid,
        StartedAt: before.get(name)?.State.StartedAt,
      });
    }
    const version = await engine.mustDocker("version", "-f", "{{.Server.Version}}");
    if (successor === "next") expect(version).toBe(NEXT_VERSION);
    else expect(version).not.toBe(NEXT_VERSION);
  });

  test("what ended meanwhile has its exit code, and went or came back as it was to", async () => {
    expect((await inspect("ends")).State).toMatchObject({ Status: "exited", ExitCode: 42 });
    expect(await engine.mustDocker("wait", "ends")).toBe("42");
    const list = await engine.mustDocker("ps", "-a", "--format", "{{.Names}}");
    expect(list.split("\n")).not.toContain("leaves");
    expect(await engine.mustDocker("volume", "ls", "-q")).toBe("");
    const fails = await waitUntil("the policy runs it again", async () => {
      const now = await inspect("fails");
      return now.State.Status === "running" && now;
    });
    expect(fails.State.Pid).not.toBe(before.get("fails")?.State.Pid);
    const dies = await engine.mustDocker(
      ...["events", "--since", "0", "--until", startedAgain, "--filter", "event=die"],
      ...["--format", "{{.Actor.Attributes.name}} {{.Actor.Attributes.exitCode}}"],
    );
    expect(dies.split("\n")).toEqual(expect.arrayContaining(["ends 42", "fails 3"]));
  });

  test("the log has no gap, and is followed on", async () => {
    const now = await linesOf("counts");
    expect(now.length).toBeGreaterThan(countedBefore);
    expect(now).toEqual(now.map((_, index) => index + 1));
    const follow = Bun.spawn([DOCKER, "logs", "-f", "-n", "1", "counts"], {
      env: { ...process.env, ...engine.environment() },
      stdout: "pipe",
    });
    let text = "";
    for await (const chunk of follow.stdout) {
      text += new TextDecoder().decode(chunk);
      if (text.split("\n").length > 4) break;
    }
    follow.kill();
    await follow.exited;
    const lines = text.trim().split("\n").map(Number);
    expect(lines).toEqual(lines.map((_, index) => (lines[0] ?? 0) + index));
  });

  test("clients attach again, to a pipe and to a terminal", async () => {
    const attach = Bun.spawn([DOCKER, "attach", "pipe"], {
      env: { ...process.env, ...engine.environment() },
      stdin: "pipe",
      stdout: "pipe",
    });
    await attach.stdin.write("me\n");
    await attach.stdin.flush();
    const { value } = await attach.stdout.getReader().read();
    expect(new TextDecoder().decode(value)).toBe("got me\n");
    attach.kill("SIGKILL");
    await attach.exited;
    await using session = new TerminalSession([DOCKER, "attach", "terminal"], {
      env: engine.environment(),
      columns: 91,
    });
    // docker attaches with a size one larger first, to have the program draw anew
    session.type("echo a$((40+2))b; until stty size | grep '24 91'; do :; done\n");
    await session.expect("a42b");
    await session.expect("\n24 91");
    session.type("exit 5\n");
    expect(await session.exited).toBe(5);
    expect((await inspect("terminal")).State).toMatchObject({ Status: "exited", ExitCode: 5 });
  });

  test("execs under way have their exit codes, and new ones work", async () => {
    await waitUntil(
      "the exec that ended is told",
      async () => !(await inspectExec("ends-away")).Running,
    );
    expect(await inspectExec("ends-away")).toMatchObject({ Running: false, ExitCode: 7 });
    expect(await inspectExec("stays")).toMatchObject({ Running: true, ExitCode: null });
    expect(await engine.mustDocker("exec", "counts", "touch", "/go")).toBe("");
    await waitUntil("the other ends", async () => !(await inspectExec("stays")).Running);
    expect(await inspectExec("stays")).toMatchObject({ ExitCode: 8 });
  });

  test("ports, links, health checks, stats and pauses go on", async () => {
    expect(await ask()).toBe("page\n");
    const linked = ["exec", "linked", "wget", "-qO-", "http://shop/"];
    expect(await engine.mustDocker(...linked)).toBe("page");
    const started = before.get("checked")?.State.Health?.Log.at(-1)?.Start;
    await waitUntil("it is checked again", async () => {
      const { Health } = (await inspect("checked")).State;
      return Health?.Status === "healthy" && Health.Log.at(-1)?.Start !== started;
    });
    const stats = (await (
      await engine.api("GET", "/containers/counts/stats?stream=0&one-shot=1")
    ).json()) as {
      cpu_stats: { cpu_usage: { total_usage: number } };
      pids_stats: { current: number };
    };
    expect(stats.cpu_stats.cpu_usage.total_usage).toBeGreaterThan(0);
    expect(stats.pids_stats.current).toBeGreaterThan(0);
    expect((await inspect("frozen")).State.Status).toBe("paused");
    await engine.mustDocker("unpause", "frozen");
    expect((await inspect("frozen")).State.Status).toBe("running");
    expect(await engine.mustDocker("exec", "frozen", "echo", "thawed")).toBe("thawed");
  });

  test("taken-over containers stop, start and go as any other", async () => {
    await engine.mustDocker("stop", "-t", "0", "web");
    await engine.mustDocker("start", "web");
    webPort = (await engine.mustDocker("port", "web", "80")).split(":").at(-1) ?? "";
    await waitUntil("web answers", () => ask().catch(() => undefined));
    await engine.mustDocker("rm", "-f", "counts", "frozen");
  });
});

function isAlive(pid: number | undefined): boolean {
  try {
    return process.kill(pid ?? 0, 0);
  } catch {
    return false;
  }
}
