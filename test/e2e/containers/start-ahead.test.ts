// A container's supervisor is started when the container is made, and waits for the start. Whatever comes instead of
// the start, or between, is as if it were not there.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { startEngine, type TestEngine } from "../../harness/engine.ts";
import { processesNaming } from "../../harness/leaks.ts";
import { waitUntil } from "../../harness/wait-until.ts";

let engine: TestEngine;

beforeAll(async () => {
  engine = await startEngine({ flags: ["--live-restore"] });
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

/** Processes other than the daemon: supervisors, and what they start. */
function supervisors(): readonly string[] {
  return processesNaming(join(engine.root, "run")).filter((line) => line.includes("--bundle"));
}

const stateFolders = () => readdirSync(join(engine.root, "run/runtime/processes"));
const untilNoneWaits = () =>
  waitUntil("no supervisor waits", () => supervisors().length + stateFolders().length === 0);

/** Makes containers until one is seen with its supervisor: a busy machine may look too late. */
async function createSupervised(...args: readonly string[]): Promise<string> {
  return await waitUntil("a supervisor waits", async () => {
    const id = await engine.mustDocker("create", ...args);
    const isThere = await waitUntil("it has begun, or is over", () =>
      supervisors().some((line) => line.includes(id))
        ? "waits"
        : stateFolders().length === 0 && "over",
    );
    if (isThere === "waits") return id;
    await engine.mustDocker("rm", id);
    return undefined;
  });
}

const shown = async (id: string) => {
  const answer = await (await engine.api("GET", `/containers/${id}/json`)).json();
  const { State, NetworkSettings } = answer as { State: object; NetworkSettings: object };
  return { State, NetworkSettings, diff: await engine.mustDocker("diff", id) };
};

describe("a container that was made and", () => {
  test("is not started shows nothing of its supervisor, which ends by itself", async () => {
    const id = await createSupervised("-v", "/data", "busybox", "echo", "late");
    const before = await shown(id);
    expect(before.State).toMatchObject({ Status: "created", Pid: 0, Running: false });
    const check = await engine.wharf(["system", "check"]);
    expect([check.exitCode, check.stdout + check.stderr]).toMatchObject([
      0,
      expect.not.stringContaining(id.slice(0, 12)),
    ]);
    await untilNoneWaits();
    expect(await shown(id)).toEqual(before);
    expect(await engine.mustDocker("start", "-a", id)).toBe("late");
    await engine.mustDocker("rm", id);
  });

  test("is removed at once takes its supervisor along", async () => {
    for (const flags of [[], ["-f"]]) {
      const id = await createSupervised("busybox", "true");
      await engine.mustDocker("rm", ...flags, id);
      expect(supervisors().filter((line) => line.includes(id))).toEqual([]);
      expect(stateFolders()).not.toContain(id);
    }
    const id = await createSupervised("busybox", "true");
    expect(await engine.mustDocker("container", "prune", "-f")).toContain(id);
    expect(stateFolders()).not.toContain(id);
  });

  test("gets another name, limits and a network runs with them", async () => {
    await engine.mustDocker("network", "create", "n1");
    for (const client of [engine.docker.bind(engine), engine.wharf.bind(engine)]) {
      const create = ["create", "--name", "a1", "-m", "32m", "busybox", "sh", "-c"];
      await client([...create, "ip -o -4 addr | grep -c eth"]);
      await client(["rename", "a1", "a2"]);
      await client(["update", "-m", "64m", "--memory-swap", "64m", "a2"]);
      await client(["network", "connect", "n1", "a2"]);
      const { stdout, stderr, exitCode } = await client(["start", "-a", "a2"]);
      expect({ stdout, stderr, exitCode }).toEqual({ stdout: "2\n", stderr: "", exitCode: 0 });
      expect(
        await engine.mustDocker("inspect", "-f", "{{.HostConfig.Memory}} {{.Name}}", "a2"),
      ).toBe("67108864 /a2");
      await client(["rm", "a2"]);
    }
    await engine.mustDocker("network", "rm", "n1");
  });

  test("cannot start is refused as ever, and may be started again", async () => {
    const id = await createSupervised("busybox", "nosuch");
    for (let attempt = 0; attempt < 2; attempt++) {
      const { exitCode, stderr } = await engine.docker(["start", id]);
      expect([exitCode, stderr]).toEqual([1, expect.stringContaining("executable file not found")]);
    }
    expect(stateFolders()).toEqual([]);
    await engine.mustDocker("rm", id);
  });
});

test("of twenty that are made at once two have a supervisor, and all start", async () => {
  const names = Array.from({ length: 20 }, (_, index) => `many${index}`);
  let most = 0;
  await Promise.all(
    names.map(async (name) => {
      await engine.api("POST", `/containers/create?name=${name}`, {
        Image: "busybox",
        Cmd: ["echo", name],
      });
      most = Math.max(most, stateFolders().length);
    }),
  );
  expect(most).toBeLessThanOrEqual(2);
  const started = await Promise.all(
    names.map(async (name) => (await engine.api("POST", `/containers/${name}/start`)).status),
  );
  expect(new Set(started)).toEqual(new Set([204]));
  const codes = await engine.mustDocker("wait", ...names);
  expect(codes.split("\n")).toEqual(names.map(() => "0"));
  await engine.mustDocker("rm", ...names);
});

describe("an engine that goes away while a supervisor waits", () => {
  test("killed: it ends by itself, and the next engine finds a container as it was made", async () => {
    const id = await createSupervised("busybox", "echo", "again");
    await engine.crash();
    await waitUntil("the supervisor has ended", () => supervisors().length === 0);
    await engine.start();
    expect(stateFolders()).toEqual([]);
    expect((await shown(id)).State).toMatchObject({ Status: "created", ExitCode: 0, Error: "" });
    expect(await engine.mustDocker("start", "-a", id)).toBe("again");
    expect(await engine.mustDocker("logs", id)).toBe("again");
    await engine.mustDocker("rm", id);
  });

  test("stopped: nothing is left when it has ended", async () => {
    const id = await createSupervised("busybox", "true");
    expect(await engine.stop()).toBe(0);
    expect([supervisors(), stateFolders()]).toEqual([[], []]);
    await engine.start();
    await engine.mustDocker("rm", id);
  });
});
