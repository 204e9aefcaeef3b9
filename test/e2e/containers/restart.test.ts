// A user leaves it to the engine to keep a container up, as Docker does.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { startEngine, type TestEngine } from "../../harness/engine.ts";
import { waitUntil } from "../../harness/wait-until.ts";

interface Inspected {
  readonly RestartCount: number;
  readonly State: {
    readonly Status: string;
    readonly ExitCode: number;
    readonly StartedAt: string;
    readonly FinishedAt: string;
  };
}

let engine: TestEngine;
beforeAll(async () => {
  engine = await startEngine();
});
afterAll(() => engine[Symbol.asyncDispose]());

const run = (name: string, policy: string, script: string) =>
  engine.mustDocker(
    "run",
    "-d",
    "--name",
    name,
    "--restart",
    policy,
    "busybox",
    "sh",
    "-c",
    script,
  );

async function inspect(name: string): Promise<Inspected> {
  return (await (await engine.api("GET", `/containers/${name}/json`)).json()) as Inspected;
}

async function status(name: string): Promise<string> {
  return (await inspect(name)).State.Status;
}

test("on-failure:2 tries twice more, counts, and ends with the last code", async () => {
  await run("tries", "on-failure:2", "exit 3");
  await waitUntil("it stays down", async () => (await status("tries")) === "exited");
  expect(await inspect("tries")).toMatchObject({ RestartCount: 2, State: { ExitCode: 3 } });
  await engine.mustDocker("start", "tries");
  await waitUntil("a start by the user counts anew", async () => {
    const { RestartCount, State } = await inspect("tries");
    return State.Status === "exited" && RestartCount === 2;
  });
  await run("succeeds", "on-failure", "exit 0");
  await engine.mustDocker("wait", "succeeds");
  expect(await inspect("succeeds")).toMatchObject({ RestartCount: 0, State: { Status: "exited" } });
});

test("the waits double, and a stop during one is the end", async () => {
  await run("loops", "always", "exit 1");
  const dies = await waitUntil("it ended four times", async () => {
    const { RestartCount } = await inspect("loops");
    if (RestartCount < 4) return false;
    const until = String(Math.ceil(Date.now() / 1000));
    const filters = encodeURIComponent('{"container":["loops"],"event":["die","start"]}');
    const text = await (
      await engine.api("GET", `/events?since=0&until=${until}&filters=${filters}`)
    ).text();
    return text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { Action: string; timeNano: number });
  });
  const gaps: number[] = [];
  for (const [index, event] of dies.entries()) {
    const next = dies[index + 1];
    if (event.Action === "die" && next) gaps.push((next.timeNano - event.timeNano) / 1e6);
  }
  for (const [index, wanted] of [100, 200, 400].entries()) {
    expect(gaps[index]).toBeGreaterThanOrEqual(wanted);
    // a loaded machine is late, but not by the next wait but one
    expect(gaps[index]).toBeLessThan(wanted * 4 + 2_000);
  }
  await waitUntil("it waits", async () => (await status("loops")) === "restarting");
  expect(
    await engine.mustDocker("ps", "--format", "{{.Status}}", "--filter", "name=loops"),
  ).toMatch(/^Restarting \(1\) .* ago$/);
  await engine.mustDocker("stop", "loops");
  expect(await status("loops")).toBe("exited");
  const { RestartCount } = await inspect("loops");
  await Bun.sleep(1_000); // the wait that was under way would be over
  expect(await inspect("loops")).toMatchObject({ RestartCount, State: { Status: "exited" } });
});

test("kill -9 of the engine during the wait: the container is started, and its count goes on", async () => {
  await run("persists", "always", "exit 1");
  await waitUntil("it waits for long", async () => {
    const { RestartCount, State } = await inspect("persists");
    return RestartCount >= 4 && State.Status === "restarting";
  });
  const before = await inspect("persists");
  await engine.crash();
  await engine.start();
  await waitUntil("it has been started", async () => {
    const now = await inspect("persists");
    return now.State.StartedAt !== before.State.StartedAt && now.RestartCount > before.RestartCount;
  });
  await engine.mustDocker("rm", "-f", "persists");
});

test("across engines `always` comes back after a stop, `unless-stopped` does not", async () => {
  for (const policy of ["always", "unless-stopped"]) {
    await run(`${policy}-runs`, policy, "trap exit TERM; sleep 1000 & wait");
    await run(`${policy}-stopped`, policy, "trap exit TERM; sleep 1000 & wait");
    await engine.mustDocker("stop", "-t", "0", `${policy}-stopped`);
  }
  await engine.restart();
  expect(await status("always-runs")).toBe("running");
  expect(await status("always-stopped")).toBe("running");
  expect(await status("unless-stopped-runs")).toBe("running");
  expect(await status("unless-stopped-stopped")).toBe("exited");
});

test("--rm and a policy exclude each other, also for the engine", async () => {
  const both = await engine.docker(["run", "--rm", "--restart", "always", "busybox", "true"]);
  expect(both.stderr).toContain("conflicting options: cannot specify both --restart and --rm");
  const create = await engine.api("POST", "/containers/create", {
    Image: "busybox",
    HostConfig: { AutoRemove: true, RestartPolicy: { Name: "always" } },
  });
  expect([create.status, await create.json()]).toMatchObject([
    400,
    { message: "can't create 'AutoRemove' container with restart policy" },
  ]);
});
