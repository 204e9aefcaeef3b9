import { expect, test } from "bun:test";
import { rejectionOf } from "#base/testing/rejection.ts";
import { Background } from "#containers/background.ts";
import type { ContainerRecord } from "#containers/container.ts";
import { openTestEngine, World } from "#containers/testing/harness.ts";
import { ManualClock } from "#host/fake/clock.ts";
import { FakeSockets } from "#host/fake/sockets.ts";
import type { CreateRequest, RunningProcess } from "#runtime/runtime.ts";
import type { Spec } from "#spec/oci-runtime.ts";
import { type SupervisorPlan, SupervisorsAhead } from "./supervisors-ahead.ts";

const SPEC: Spec = {
  ociVersion: "1.0.2",
  root: { path: "/", readonly: false },
  mounts: [],
  linux: { namespaces: [] },
};
const makeSpec = (): Promise<Spec> => Promise.resolve(SPEC);
const { signal: never } = new AbortController();

async function someRecords(count: number): Promise<readonly ContainerRecord[]> {
  using world = new World();
  await using engine = await openTestEngine(world);
  const ids = await Promise.all(Array.from({ length: count }, () => engine.create()));
  return await Promise.all(ids.map(async (id) => (await engine.details(id)).record));
}

function planOf({ id, config }: ContainerRecord): SupervisorPlan {
  return {
    id,
    runtimeName: "crun",
    terminal: config.Tty,
    openStdin: config.OpenStdin,
    stdinOnce: config.StdinOnce,
    isRemapped: false,
    logTarget: "none",
    cgroupPath: `/wharf/${id}`,
  };
}

/** Tells what becomes of each supervisor that the runtime starts. */
function openAhead() {
  const clock = new ManualClock();
  const background = new Background((message) => expect().fail(message));
  const steps: string[] = [];
  const ending = Promise.withResolvers<void>();
  let holdsEnd = false;
  const create = async (request: CreateRequest, signal: AbortSignal): Promise<RunningProcess> => {
    steps.push("begun");
    try {
      await request.spec();
      signal.throwIfAborted();
    } catch (error) {
      if (holdsEnd) await ending.promise;
      steps.push("ended");
      throw error;
    }
    steps.push("created");
    const identity = { pid: 1, startTicks: 1 };
    return { process: identity, supervisor: identity, exited: new Promise(() => {}) };
  };
  const parts = {
    background,
    clock,
    runtime: { create },
    sockets: new FakeSockets(),
    planOf,
  };
  return {
    ahead: new SupervisorsAhead(parts),
    background,
    clock,
    steps,
    /** What is given up goes on ending until the returned function is called. */
    holdEnd: (): (() => void) => {
      holdsEnd = true;
      return ending.resolve;
    },
  };
}

test("a container that is started soon, under whatever name, is created by the supervisor that waits", async () => {
  const { ahead, background, clock, steps } = openAhead();
  for (const record of await someRecords(1)) {
    ahead.expectStart(record);
    expect([steps, ahead.isWaiting(record.id)]).toEqual([[], true]);
    await background.settled();
    expect(steps).toEqual(["begun"]);
    await using supervisor = await ahead.take(record.id, planOf({ ...record, name: "other" }));
    await supervisor.create(makeSpec, never);
    await clock.advance(1000);
    expect([steps, ahead.isWaiting(record.id)]).toEqual([["begun", "created"], false]);
  }
});

test("a start that comes at once begins one supervisor", async () => {
  const { ahead, background, steps } = openAhead();
  for (const record of await someRecords(1)) {
    ahead.expectStart(record);
    await using supervisor = await ahead.take(record.id, planOf(record));
    await background.settled();
    await supervisor.create(makeSpec, never);
    expect(steps).toEqual(["begun", "created"]);
  }
});

test("one that was told what no longer holds is ended before another begins", async () => {
  const { ahead, background, steps } = openAhead();
  for (const record of await someRecords(1)) {
    ahead.expectStart(record);
    await background.settled();
    const changed = { ...planOf(record), restoreFrom: "/checkpoint" };
    await using supervisor = await ahead.take(record.id, changed);
    expect(steps).toEqual(["begun", "ended"]);
    await supervisor.create(makeSpec, never);
    expect(steps).toEqual(["begun", "ended", "begun", "created"]);
  }
});

test("one that nobody wants is ended: after a while, with its container, by a start that fails, with the engine", async () => {
  const { ahead, background, clock, steps } = openAhead();
  const [late, removed, failed, last] = await someRecords(4);
  if (!late || !removed || !failed || !last) throw new Error("four records");
  ahead.expectStart(late);
  await background.settled();
  await clock.advance(1000);
  expect([steps, ahead.isWaiting(late.id)]).toEqual([["begun", "ended"], false]);
  ahead.expectStart(removed);
  await background.settled();
  await ahead.end(removed.id);
  expect(steps.length).toBe(4);
  ahead.expectStart(failed);
  await background.settled();
  await using _ = await ahead.take(failed.id, planOf(failed));
  await _[Symbol.asyncDispose]();
  expect(steps.length).toBe(6);
  ahead.expectStart(last);
  await background.settled();
  await background[Symbol.asyncDispose]();
  await ahead[Symbol.asyncDispose]();
  expect(steps).toEqual(Array.from({ length: 4 }, () => ["begun", "ended"]).flat());
  ahead.expectStart(late);
  expect(ahead.isWaiting(late.id)).toBe(false);
});

test("a start that comes while one is being ended waits for that", async () => {
  const { ahead, background, clock, steps, holdEnd } = openAhead();
  for (const record of await someRecords(1)) {
    const letEnd = holdEnd();
    ahead.expectStart(record);
    await background.settled();
    await clock.advance(1000);
    const taking = ahead.take(record.id, planOf(record));
    expect(steps).toEqual(["begun"]);
    letEnd();
    await using supervisor = await taking;
    await supervisor.create(makeSpec, never);
    expect(steps).toEqual(["begun", "ended", "begun", "created"]);
  }
});

test("of many that are made two have a supervisor; an abort of a start reaches it", async () => {
  const { ahead, background, steps } = openAhead();
  const records = await someRecords(5);
  for (const record of records) ahead.expectStart(record);
  await background.settled();
  expect(steps).toEqual(["begun", "begun"]);
  const [first] = records.filter(({ id }) => ahead.isWaiting(id));
  if (!first) throw new Error("one waits");
  await using supervisor = await ahead.take(first.id, planOf(first));
  const aborted = AbortSignal.abort(new Error("the client left"));
  expect(await rejectionOf(supervisor.create(makeSpec, aborted))).toBe("the client left");
  expect(steps).toEqual(["begun", "begun", "ended"]);
  await background[Symbol.asyncDispose]();
});
