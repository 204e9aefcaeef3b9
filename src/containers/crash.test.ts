import { describe, expect, test } from "bun:test";
import { parseContainerUpdate } from "#spec/engine-api/container-update.ts";
import { parseExecConfig } from "#spec/engine-api/exec-config.ts";
import type { ContainerId } from "#spec/ids.ts";
import { Crash } from "./testing/fuse.ts";
import { NO_ABORT, openTestEngine, settle, type TestEngine, World } from "./testing/harness.ts";

/*
 * The daemon dies before each of its calls to the outside in turn (store, runtime, networks, snapshots); the
 * next daemon reconciles. What had been acknowledged is there, nothing else is, and all can be removed.
 */

interface Scenario {
  readonly name: string;
  readonly body: Record<string, unknown>;
  /** Runs to its end before the daemon becomes mortal. */
  readonly before?: (engine: TestEngine, id: ContainerId) => Promise<void>;
  /** What dies somewhere in the middle; `acknowledge` says what has been answered. */
  readonly work: (
    engine: TestEngine,
    id: ContainerId,
    acknowledge: (state: string) => void,
    world: World,
  ) => Promise<void>;
  /** What the next daemon is to have, once it has reconciled. */
  readonly check?: (engine: TestEngine, id: ContainerId, world: World) => Promise<void>;
}

const MIB = 1024 * 1024;
const VOLUME = { Volumes: { "/data": {} } };

const SCENARIOS: readonly Scenario[] = [
  {
    name: "start",
    body: VOLUME,
    work: async (engine, id, acknowledge) => {
      await engine.containers.start(id, NO_ABORT);
      acknowledge("running");
    },
  },
  {
    name: "a failing start",
    body: { ...VOLUME, Cmd: ["nosuch"] },
    work: async (engine, id) => {
      await engine.containers.start(id, NO_ABORT).catch((error: unknown) => {
        if (error instanceof Crash) throw error;
      });
    },
  },
  {
    name: "run to the exit",
    body: { HostConfig: { PortBindings: { "80/tcp": [{ HostPort: "8080" }] } } },
    work: async (engine, id, acknowledge, world) => {
      await engine.containers.start(id, NO_ABORT);
      acknowledge("running");
      const waiting = engine.containers.wait(id, "next-exit", AbortSignal.timeout(20));
      world.processes.end(id, 3);
      acknowledge("exited");
      await waiting.catch(() => undefined);
      await engine[Symbol.asyncDispose]();
    },
  },
  {
    name: "run --rm",
    body: { ...VOLUME, HostConfig: { AutoRemove: true } },
    work: async (engine, id, acknowledge, world) => {
      await engine.containers.start(id, NO_ABORT);
      world.processes.end(id, 3);
      acknowledge("gone");
      await engine.containers.wait(id, "removed", AbortSignal.timeout(20)).catch(() => undefined);
      await engine[Symbol.asyncDispose]();
    },
  },
  {
    name: "stop",
    body: { HostConfig: { RestartPolicy: { Name: "unless-stopped" } } },
    before: (engine, id) => engine.containers.start(id, NO_ABORT),
    work: async (engine, id, acknowledge) => {
      await untilDeath(engine, engine.containers.stop(id, {}));
      acknowledge("exited");
    },
  },
  {
    name: "rm -f",
    body: VOLUME,
    before: (engine, id) => engine.containers.start(id, NO_ABORT),
    work: async (engine, id, acknowledge) => {
      const options = { force: true, volumes: true, link: false };
      await untilDeath(engine, engine.containers.remove(id, options));
      acknowledge("gone");
    },
  },
  {
    name: "update",
    body: {
      ...VOLUME,
      HostConfig: {
        Memory: 64 * MIB,
        PidsLimit: 5,
        PortBindings: { "80/tcp": [{ HostPort: "8080" }] },
      },
    },
    before: (engine, id) => engine.containers.start(id, NO_ABORT),
    work: async (engine, id, acknowledge) => {
      acknowledge("running");
      const request = parseContainerUpdate({
        Memory: 100 * MIB,
        PidsLimit: 9,
        AddPortBindings: { "81/tcp": [{ HostPort: "8081" }] },
        RemovePortBindings: { "80/tcp": [] },
        AddMounts: [{ Type: "volume", Source: "more", Target: "/more" }],
      });
      await engine.containers.update(id, request);
    },
    check: async (engine, id, world) => {
      const { record, sandbox } = await engine.details(id);
      const { Memory, PidsLimit, PortBindings } = record.hostConfig;
      const isNew = Memory === 100 * MIB;
      const limits = world.processes.limits.get(id);
      expect([Memory, limits?.memory?.limit]).toEqual([Memory, Memory]);
      expect([PidsLimit, limits?.pids?.limit]).toEqual([isNew ? 9 : 5, isNew ? 9 : 5]);
      expect(Object.keys(PortBindings)).toEqual([isNew ? "81/tcp" : "80/tcp"]);
      expect(sandbox?.ports.map(({ hostPort }) => hostPort)).toEqual([isNew ? 8081 : 8080]);
      expect(record.nextStart?.mounts.length ?? 1).toBe(isNew ? 2 : 1);
      expect(record.limitsBefore).toBeUndefined();
    },
  },
  {
    name: "exec",
    body: {},
    before: (engine, id) => engine.containers.start(id, NO_ABORT),
    work: async (engine, id, acknowledge, world) => {
      acknowledge("running");
      const exec = await engine.containers.createExec(id, parseExecConfig({ Cmd: ["true"] }));
      const options = { detach: true, terminal: false };
      await engine.containers.startExec(exec, options, NO_ABORT);
      world.processes.end(exec, 0);
      await engine[Symbol.asyncDispose]();
    },
  },
];

/** A dead daemon answers nobody: what waits for an exit that it cannot record would wait for ever. */
async function untilDeath(engine: TestEngine, work: Promise<void>): Promise<void> {
  let isDone = false;
  const done = work.finally(() => (isDone = true));
  const watch = async (): Promise<void> => {
    for (let turnsDead = 0; !isDone && turnsDead < 3; ) {
      await settle();
      if (engine.fuse.isDead) turnsDead++;
    }
    if (!isDone) throw new Crash("died");
  };
  await Promise.race([done, watch().then(() => done)]);
}

describe("kill -9 of the daemon", () => {
  test.each(SCENARIOS.map((scenario) => [scenario.name, scenario] as const))(
    "at every call during %s",
    async (_name, scenario) => {
      for (let at = 0; ; at++) {
        using world = new World();
        const first = await openTestEngine(world);
        const id = await first.create(scenario.body, "web");
        await scenario.before?.(first, id);
        let acknowledged = "created";
        first.fuse.arm(at);
        try {
          await scenario.work(first, id, (state) => (acknowledged = state), world);
        } catch (error) {
          if (!first.fuse.isDead) throw error;
        }
        const hasDied = first.fuse.isDead;
        await first[Symbol.asyncDispose]();
        const { check } = scenario;
        await checkSuccessor(world, id, { acknowledged, at, calls: first.fuse.calls, check });
        if (!hasDied) return;
        expect(at).toBeLessThan(100);
      }
    },
  );

  test("at every call during create", async () => {
    for (let at = 0; ; at++) {
      using world = new World();
      const first = await openTestEngine(world);
      first.fuse.arm(at);
      const made = await first.create({}, "web").catch((error: unknown) => {
        if (!first.fuse.isDead) throw error;
      });
      const hasDied = first.fuse.isDead;
      await first[Symbol.asyncDispose]();
      await using second = await openTestEngine(world);
      await second.containers.reconcile();
      const known = new Set(made === undefined ? [] : [made]);
      expect(world.leaks(new Set(), known)).toEqual([]);
      if (!hasDied) return;
    }
  });
});

async function checkSuccessor(
  world: World,
  id: ContainerId,
  context: {
    readonly acknowledged: string;
    readonly at: number;
    readonly calls: readonly string[];
    readonly check: Scenario["check"];
  },
): Promise<void> {
  const where = `call ${context.at} after ${context.calls.slice(-3).join(", ")}`;
  await using second = await openTestEngine(world);
  await second.containers.reconcile();
  await settle();
  const isThere = (
    await second.containers.list({ all: true, withSizes: false, filters: new Map() })
  )
    .map(({ record }) => record.id)
    .includes(id);
  const status = isThere ? await second.status(id) : "gone";
  if (context.acknowledged === "gone") expect([where, status]).toEqual([where, "gone"]);
  if (["running", "exited"].includes(context.acknowledged)) {
    expect([where, status]).toEqual([where, context.acknowledged]);
  }
  await context.check?.(second, id, world);
  const live = new Set(status === "running" ? [id] : []);
  expect([where, ...world.leaks(live, new Set(isThere ? [id] : []))]).toEqual([where]);
  if (isThere) {
    await second.containers.remove(id, { force: true, volumes: true, link: false });
  }
  expect([where, ...world.leaks(new Set(), new Set())]).toEqual([where]);
  expect([where, ...second.warnings]).toEqual([where]);
}
