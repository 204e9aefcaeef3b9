// `inspect` answers from what it keeps: whatever changes is in the next answer.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { startEngine, type TestEngine } from "../../harness/engine.ts";
import { waitUntil } from "../../harness/wait-until.ts";

let engine: TestEngine;
beforeAll(async () => {
  engine = await startEngine({ flags: ["--live-restore"] });
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

const VERSIONS = ["1.41", "1.51", "1.56"];

type Answer = Readonly<Record<string, unknown>>;

async function inspect(id: string, version: string, query = ""): Promise<Answer> {
  const response = await engine.api("GET", `/v${version}/containers/${id}/json${query}`);
  expect(response.status).toBe(200);
  return (await response.json()) as Answer;
}

/** In each version, after it is known that what is kept is what would be made anew: answers with sizes are never kept. */
async function answers(id: string): Promise<readonly Answer[]> {
  const found: Answer[] = [];
  for (const version of VERSIONS) {
    const { SizeRw, SizeRootFs, ...fresh } = await inspect(id, version, "?size=true");
    expect([typeof SizeRw, typeof SizeRootFs]).toEqual(["number", "number"]);
    const kept = await inspect(id, version);
    expect(kept).toEqual(fresh);
    expect(await inspect(id, version)).toEqual(kept);
    found.push(kept);
  }
  return found;
}

test("each change of a container shows in the next answer, in each version", async () => {
  const docker = (...words: readonly string[]): Promise<string> => engine.mustDocker(...words);
  const sleeper = ["busybox", "sleep", "1000"];
  const id = (await docker("run", "-d", "--name", "kept", ...sleeper)).trim();
  await docker("network", "create", "aside");

  const after = async (change: () => Promise<unknown>): Promise<void> => {
    const before = await answers(id);
    await change();
    const now = await answers(id);
    for (const [at, each] of now.entries()) expect(each).not.toEqual(before[at] ?? {});
  };
  await after(() => docker("rename", "kept", "other"));
  await after(() => docker("update", "--cpu-shares", "512", id));
  await after(() => docker("pause", id));
  await after(() => docker("unpause", id));
  await after(() => docker("network", "connect", "aside", id));
  await after(() => docker("network", "disconnect", "aside", id));
  await after(() => docker("exec", "-d", id, "sh", "-c", "until [ -e /end ]; do sleep 0.1; done"));
  await after(async () => {
    await docker("exec", id, "touch", "/end");
    await waitUntil("no exec", async () => (await inspect(id, "1.51"))["ExecIDs"] === null);
  });
  await after(() => docker("restart", "-t", "0", id));
  await after(() => docker("stop", "-t", "0", id));
  await after(() => docker("start", id));

  const known = await answers(id);
  await engine.restart();
  expect(await answers(id)).toEqual(known);

  await docker("rm", "-f", id);
  expect((await engine.api("GET", `/v1.51/containers/${id}/json`)).status).toBe(404);
});

test("health and restarts show as they happen", async () => {
  const id = (
    await engine.mustDocker(
      ...["run", "-d", "--health-cmd", "test -e /well", "--health-interval", "200ms"],
      ...["--health-retries", "1", "busybox", "sleep", "1000"],
    )
  ).trim();
  const health = async (): Promise<string> => {
    const { State } = (await inspect(id, "1.51")) as { State: { Health: { Status: string } } };
    return State.Health.Status;
  };
  await waitUntil("unhealthy", async () => (await health()) === "unhealthy");
  await engine.mustDocker("exec", id, "touch", "/well");
  await waitUntil("healthy", async () => (await health()) === "healthy");
  await engine.mustDocker("rm", "-f", id);

  const again = (
    await engine.mustDocker("run", "-d", "--restart", "on-failure:2", "busybox", "false")
  ).trim();
  await waitUntil("restarts", async () => (await inspect(again, "1.51"))["RestartCount"] === 2);
  await engine.mustDocker("rm", "-f", again);
});
