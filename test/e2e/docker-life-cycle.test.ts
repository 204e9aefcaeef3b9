// A Docker user starts, stops, restarts, pauses, renames, inspects and removes containers.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startEngine, type TestEngine } from "../harness/engine.ts";
import { waitUntil } from "../harness/wait-until.ts";

let engine: TestEngine;
beforeAll(async () => {
  engine = await startEngine();
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

const TRAP = "trap 'echo term; exit 5' TERM; echo up; while :; do sleep 0.05; done";

async function stateOf(name: string): Promise<string> {
  return await engine.mustDocker("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name);
}

describe("stop and start", () => {
  test("stop sends the stop signal, waits, and keeps the exit code", async () => {
    await engine.mustDocker("run", "-d", "--name", "polite", "busybox", "sh", "-c", TRAP);
    await waitUntil("it is up", async () =>
      (await engine.mustDocker("logs", "polite")).includes("up"),
    );
    await engine.mustDocker("stop", "polite");
    expect(await stateOf("polite")).toBe("exited 5");
    await engine.mustDocker("start", "polite");
    expect(await engine.mustDocker("inspect", "-f", "{{.State.Running}}", "polite")).toBe("true");
    await engine.mustDocker("restart", "-t", "5", "polite");
    expect(await engine.mustDocker("inspect", "-f", "{{.State.Running}}", "polite")).toBe("true");
    await engine.mustDocker("kill", "-s", "KILL", "polite");
    expect(await engine.mustDocker("wait", "polite")).toBe("137");
    await engine.mustDocker("rm", "polite");
  });

  test("start -a shows the output and ends with the exit code", async () => {
    await engine.mustDocker(
      "create",
      "--name",
      "twice",
      "busybox",
      "sh",
      "-c",
      "echo again; exit 3",
    );
    const result = await engine.docker(["start", "-a", "twice"]);
    expect(result.stdout).toBe("again\n");
    expect(result.exitCode).toBe(3);
    await engine.mustDocker("rm", "twice");
  });

  test("starting what runs and stopping what stopped are no errors", async () => {
    await engine.mustDocker("run", "-d", "--name", "calm", "busybox", "sleep", "1000");
    await engine.mustDocker("start", "calm");
    await engine.mustDocker("stop", "-t", "0", "calm");
    await engine.mustDocker("stop", "calm");
    expect(await stateOf("calm")).toBe("exited 137");
    await engine.mustDocker("rm", "calm");
  });
});

describe("pause", () => {
  test("freezes and thaws; a paused container stops all the same", async () => {
    await engine.mustDocker("run", "-d", "--name", "cold", "busybox", "sleep", "1000");
    await engine.mustDocker("pause", "cold");
    expect(await engine.mustDocker("ps", "--format", "{{.Status}}", "-f", "name=cold")).toMatch(
      /\(Paused\)$/,
    );
    expect((await engine.docker(["exec", "cold", "true"])).stderr).toContain("is paused");
    await engine.mustDocker("unpause", "cold");
    await engine.mustDocker("exec", "cold", "true");
    await engine.mustDocker("pause", "cold");
    await engine.mustDocker("stop", "-t", "0", "cold");
    expect(await stateOf("cold")).toBe("exited 137");
    await engine.mustDocker("rm", "cold");
  });
});

describe("names and ids", () => {
  test("a taken name is refused with its holder; rename frees it", async () => {
    const id = await engine.mustDocker("create", "--name", "mine", "busybox");
    const refused = await engine.docker(["create", "--name", "mine", "busybox"]);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain(
      `The container name "/mine" is already in use by container "${id}"`,
    );
    await engine.mustDocker("rename", "mine", "yours");
    expect(await engine.mustDocker("inspect", "-f", "{{.Name}}", id.slice(0, 7))).toBe("/yours");
    await engine.mustDocker("rm", "yours");
    expect((await engine.docker(["inspect", "yours"])).exitCode).toBe(1);
  });

  test("bad names and unknown containers are refused in Docker's words", async () => {
    expect((await engine.docker(["create", "--name", "a b", "busybox"])).stderr).toContain(
      "Invalid container name (a b)",
    );
    expect((await engine.docker(["stop", "nosuch"])).stderr).toContain("No such container: nosuch");
  });
});

describe("rm", () => {
  test("refuses what runs and takes it with -f, its anonymous volumes with -v", async () => {
    await engine.mustDocker(
      "run",
      "-d",
      "--name",
      "busy",
      "-v",
      "/data",
      "busybox",
      "sleep",
      "1000",
    );
    const refused = await engine.docker(["rm", "busy"]);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain(
      "container is running: stop the container before removing or force remove",
    );
    expect(await engine.mustDocker("volume", "ls", "-q")).toMatch(/^[0-9a-f]{64}$/);
    await engine.mustDocker("rm", "-f", "-v", "busy");
    expect(await engine.mustDocker("volume", "ls", "-q")).toBe("");
  });
});

describe("looking inside", () => {
  test("top, stats and inspect show the running processes", async () => {
    await engine.mustDocker("run", "-d", "--name", "seen", "-m", "64m", "busybox", "sleep", "1000");
    expect(await engine.mustDocker("top", "seen")).toContain("sleep 1000");
    expect(await engine.mustDocker("top", "seen", "-o", "pid,comm")).toContain("sleep");
    const stats = JSON.parse(
      await engine.mustDocker("stats", "--no-stream", "--format", "json", "seen"),
    ) as {
      MemUsage: string;
      PIDs: string;
    };
    expect(stats.MemUsage).toContain("/ 64MiB");
    expect(stats.PIDs).toBe("1");
    const pid = Number(await engine.mustDocker("inspect", "-f", "{{.State.Pid}}", "seen"));
    expect(pid).toBeGreaterThan(1);
    await engine.mustDocker("rm", "-f", "seen");
  });

  test("events tell the whole story in order", async () => {
    const since = (Date.now() / 1000).toFixed(3);
    await engine
      .mustDocker("run", "--rm", "--name", "story", "busybox", "sh", "-c", "exit 2")
      .catch(() => "");
    await waitUntil(
      "it is gone",
      async () => (await engine.mustDocker("ps", "-aq", "-f", "name=story")) === "",
    );
    const until = (Date.now() / 1000).toFixed(3);
    const lines = await engine.mustDocker(
      ...[
        "events",
        "--since",
        since,
        "--until",
        until,
        "-f",
        "container=story",
        "--format",
        "{{.Action}}",
      ],
    );
    expect(lines.split("\n")).toEqual(["create", "attach", "start", "die", "destroy"]);
  });

  test("ps filters by label, status, ancestor and name", async () => {
    await engine.mustDocker("create", "--name", "f1", "--label", "tier=web", "busybox");
    await engine.mustDocker("create", "--name", "f2", "--label", "tier=db", "busybox");
    const names = async (...filters: string[]) =>
      (
        await engine.mustDocker(
          "ps",
          "-a",
          "--format",
          "{{.Names}}",
          ...filters.flatMap((f) => ["-f", f]),
        )
      )
        .split("\n")
        .toSorted();
    expect(await names("label=tier")).toEqual(["f1", "f2"]);
    expect(await names("label=tier=web")).toEqual(["f1"]);
    expect(await names("status=created", "ancestor=busybox", "name=f")).toEqual(["f1", "f2"]);
    expect((await engine.docker(["ps", "-f", "nosuch=1"])).stderr).toContain(
      "invalid filter 'nosuch'",
    );
    await engine.mustDocker("rm", "f1", "f2");
  });
});

describe("restart policies", () => {
  test("on-failure:2 starts it again twice, then leaves it", async () => {
    await engine.mustDocker(
      "run",
      "-d",
      "--restart",
      "on-failure:2",
      "--name",
      "again",
      "busybox",
      "sh",
      "-c",
      "exit 1",
    );
    await waitUntil(
      "two restarts",
      async () =>
        (await engine.mustDocker(
          "inspect",
          "-f",
          "{{.RestartCount}} {{.State.Status}}",
          "again",
        )) === "2 exited",
    );
    await engine.mustDocker("rm", "again");
  });

  test("always survives the process, not docker stop", async () => {
    await engine.mustDocker(
      "run",
      "-d",
      "--restart",
      "always",
      "--name",
      "ever",
      "busybox",
      "sleep",
      "1000",
    );
    const pid = () => engine.mustDocker("inspect", "-f", "{{.State.Pid}}", "ever");
    const first = await pid();
    process.kill(Number(first), "SIGKILL");
    await waitUntil("a new process", async () => {
      const now = await pid();
      return now !== first && now !== "0";
    });
    await engine.mustDocker("stop", "-t", "0", "ever");
    expect(await stateOf("ever")).toBe("exited 137");
    await engine.mustDocker("rm", "ever");
  });
});
