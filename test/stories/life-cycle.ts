// A user starts, stops, restarts, pauses, renames, inspects and removes containers.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startEngine, type TestEngine } from "../harness/engine.ts";
import { waitUntil } from "../harness/wait-until.ts";

/** @param client Whose command line: the unmodified docker CLI's, or ours. */
export function lifeCycleStory(client: "docker" | "wharf"): void {
  let engine: TestEngine;
  const must = (...args: readonly string[]): Promise<string> =>
    client === "docker" ? engine.mustDocker(...args) : engine.mustWharf(...args);

  beforeAll(async () => {
    engine = await startEngine();
  });
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
  });

  const TRAP = "trap 'echo term; exit 5' TERM; echo up; while :; do sleep 0.05; done";

  async function stateOf(name: string): Promise<string> {
    return await must("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name);
  }

  describe(`${client}: stop and start`, () => {
    test("stop sends the stop signal, waits, and keeps the exit code", async () => {
      await must("run", "-d", "--name", "polite", "busybox", "sh", "-c", TRAP);
      await waitUntil("it is up", async () => (await must("logs", "polite")).includes("up"));
      await must("stop", "polite");
      expect(await stateOf("polite")).toBe("exited 5");
      await must("start", "polite");
      expect(await must("inspect", "-f", "{{.State.Running}}", "polite")).toBe("true");
      await must("restart", "-t", "5", "polite");
      expect(await must("inspect", "-f", "{{.State.Running}}", "polite")).toBe("true");
      await must("kill", "-s", "KILL", "polite");
      expect(await must("wait", "polite")).toBe("137");
      await must("rm", "polite");
    });

    test("start -a shows the output and ends with the exit code", async () => {
      await must("create", "--name", "twice", "busybox", "sh", "-c", "echo again; exit 3");
      const result = await engine[client](["start", "-a", "twice"]);
      expect(result.stdout).toBe("again\n");
      expect(result.exitCode).toBe(3);
      await must("rm", "twice");
    });

    test("starting what runs and stopping what stopped are no errors", async () => {
      await must("run", "-d", "--name", "calm", "busybox", "sleep", "1000");
      await must("start", "calm");
      await must("stop", "-t", "0", "calm");
      await must("stop", "calm");
      expect(await stateOf("calm")).toBe("exited 137");
      await must("rm", "calm");
    });
  });

  describe(`${client}: pause`, () => {
    test("freezes and thaws; a paused container stops all the same", async () => {
      await must("run", "-d", "--name", "cold", "busybox", "sleep", "1000");
      await must("pause", "cold");
      expect(await must("ps", "--format", "{{.Status}}", "-f", "name=cold")).toMatch(/\(Paused\)$/);
      expect((await engine[client](["exec", "cold", "true"])).stderr).toContain("is paused");
      await must("unpause", "cold");
      await must("exec", "cold", "true");
      await must("pause", "cold");
      await must("stop", "-t", "0", "cold");
      expect(await stateOf("cold")).toBe("exited 137");
      await must("rm", "cold");
    });
  });

  describe(`${client}: names and ids`, () => {
    test("a taken name is refused with its holder; rename frees it", async () => {
      const id = await must("create", "--name", "mine", "busybox");
      const refused = await engine[client](["create", "--name", "mine", "busybox"]);
      expect(refused.exitCode).toBe(1);
      expect(refused.stderr).toContain(
        `The container name "/mine" is already in use by container "${id}"`,
      );
      await must("rename", "mine", "yours");
      expect(await must("inspect", "-f", "{{.Name}}", id.slice(0, 7))).toBe("/yours");
      await must("rm", "yours");
      expect((await engine[client](["inspect", "yours"])).exitCode).toBe(1);
    });

    test("bad names and unknown containers are refused in Docker's words", async () => {
      expect((await engine[client](["create", "--name", "a b", "busybox"])).stderr).toContain(
        "Invalid container name (a b)",
      );
      expect((await engine[client](["stop", "nosuch"])).stderr).toContain(
        "No such container: nosuch",
      );
    });
  });

  describe(`${client}: rm`, () => {
    test("refuses what runs and takes it with -f, its anonymous volumes with -v", async () => {
      await must("run", "-d", "--name", "busy", "-v", "/data", "busybox", "sleep", "1000");
      const refused = await engine[client](["rm", "busy"]);
      expect(refused.exitCode).toBe(1);
      expect(refused.stderr).toContain(
        "container is running: stop the container before removing or force remove",
      );
      expect(await must("volume", "ls", "-q")).toMatch(/^[0-9a-f]{64}$/);
      await must("rm", "-f", "-v", "busy");
      expect(await must("volume", "ls", "-q")).toBe("");
    });
  });

  describe(`${client}: looking inside`, () => {
    test("top, stats and inspect show the running processes", async () => {
      await must("run", "-d", "--name", "seen", "-m", "64m", "busybox", "sleep", "1000");
      // A start lets the process go; it becomes its command a moment later.
      await waitUntil("the command", async () =>
        (await must("top", "seen")).includes("sleep 1000"),
      );
      expect(await must("top", "seen", "-o", "pid,comm")).toContain("sleep");
      const stats = JSON.parse(await must("stats", "--no-stream", "--format", "json", "seen")) as {
        MemUsage: string;
        PIDs: string;
      };
      expect(stats.MemUsage).toContain("/ 64MiB");
      expect(stats.PIDs).toBe("1");
      const pid = Number(await must("inspect", "-f", "{{.State.Pid}}", "seen"));
      expect(pid).toBeGreaterThan(1);
      await must("rm", "-f", "seen");
    });

    test("events tell the whole story in order", async () => {
      const since = (Date.now() / 1000).toFixed(3);
      await engine
        .mustDocker("run", "--rm", "--name", "story", "busybox", "sh", "-c", "exit 2")
        .catch(() => "");
      await waitUntil(
        "it is gone",
        async () => (await must("ps", "-aq", "-f", "name=story")) === "",
      );
      const until = (Date.now() / 1000).toFixed(3);
      const lines = await must(
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
      await must("create", "--name", "f1", "--label", "tier=web", "busybox");
      await must("create", "--name", "f2", "--label", "tier=db", "busybox");
      const names = async (...filters: string[]) =>
        (await must("ps", "-a", "--format", "{{.Names}}", ...filters.flatMap((f) => ["-f", f])))
          .split("\n")
          .toSorted();
      expect(await names("label=tier")).toEqual(["f1", "f2"]);
      expect(await names("label=tier=web")).toEqual(["f1"]);
      expect(await names("status=created", "ancestor=busybox", "name=f")).toEqual(["f1", "f2"]);
      expect((await engine[client](["ps", "-f", "nosuch=1"])).stderr).toContain(
        "invalid filter 'nosuch'",
      );
      await must("rm", "f1", "f2");
    });
  });

  describe(`${client}: restart policies`, () => {
    test("on-failure:2 starts it again twice, then leaves it", async () => {
      await must(
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
          (await must("inspect", "-f", "{{.RestartCount}} {{.State.Status}}", "again")) ===
          "2 exited",
      );
      await must("rm", "again");
    });

    test("always survives the process, not docker stop", async () => {
      await must("run", "-d", "--restart", "always", "--name", "ever", "busybox", "sleep", "1000");
      const pid = () => must("inspect", "-f", "{{.State.Pid}}", "ever");
      const first = await pid();
      process.kill(Number(first), "SIGKILL");
      await waitUntil("a new process", async () => {
        const now = await pid();
        return now !== first && now !== "0";
      });
      await must("stop", "-t", "0", "ever");
      expect(await stateOf("ever")).toBe("exited 137");
      await must("rm", "ever");
    });
  });
}
