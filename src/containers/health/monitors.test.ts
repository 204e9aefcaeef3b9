import { describe, expect, test } from "bun:test";
import { openTestEngine, settle, type TestEngine, World } from "#containers/testing/harness.ts";

const CHECKED = {
  Healthcheck: {
    Test: ["CMD", "check"],
    Interval: 10_000_000_000,
    Timeout: 2_000_000_000,
    Retries: 2,
  },
};

function probesOf(world: World): readonly string[] {
  return [...world.processes.all.values()]
    .filter(({ args, status }) => args[0] === "check" && status === "running")
    .map(({ id }) => id);
}

async function pass(world: World, ms: number): Promise<void> {
  await settle();
  world.clock.advance(ms);
  await settle();
}

/** Lets the next check begin, and end with `exitCode`. */
async function check(world: World, exitCode: number): Promise<void> {
  await pass(world, 10_000);
  const [probe = ""] = probesOf(world);
  world.processes.end(probe, exitCode);
  await settle();
}

async function healthOf(engine: TestEngine, name = "web"): Promise<string> {
  const { health } = await engine.details(name);
  return health ? `${health.status} ${health.failingStreak} ${health.log.length}` : "none";
}

describe("HealthMonitors", () => {
  test("check after each interval, and publish what changes", async () => {
    using world = new World();
    await using engine = await openTestEngine(world);
    await engine.create(CHECKED, "web");
    expect(await healthOf(engine)).toBe("none");
    await engine.containers.start("web", AbortSignal.any([]));
    expect(await healthOf(engine)).toBe("starting 0 0");
    await check(world, 0);
    await check(world, 0);
    expect(await healthOf(engine)).toBe("healthy 0 2");
    await check(world, 1);
    expect(await healthOf(engine)).toBe("healthy 1 3");
    await check(world, 1);
    expect(await healthOf(engine)).toBe("unhealthy 2 4");
    expect(engine.events.filter((event) => event.includes("health_status"))).toEqual([
      "container health_status: healthy",
      "container health_status: unhealthy",
    ]);
  });

  test("never have two checks of one container under way", async () => {
    using world = new World();
    await using engine = await openTestEngine(world);
    await engine.run(
      { Healthcheck: { ...CHECKED.Healthcheck, Timeout: 3_600_000_000_000 } },
      "web",
    );
    for (let round = 0; round < 5; round++) {
      await pass(world, 10_000);
    }
    expect(probesOf(world)).toHaveLength(1);
  });

  test("kill a check that takes too long", async () => {
    using world = new World();
    await using engine = await openTestEngine(world);
    await engine.run(CHECKED, "web");
    await pass(world, 10_000);
    expect(probesOf(world)).toHaveLength(1);
    await pass(world, 2_000);
    expect(probesOf(world)).toHaveLength(0);
    const { health } = await engine.details("web");
    expect(health?.log[0]).toMatchObject({ exitCode: -1 });
    expect(health?.log[0]?.output).toStartWith("Health check exceeded timeout (2s)");
  });

  test("start at most four checks at once, however many are due", async () => {
    using world = new World();
    await using engine = await openTestEngine(world);
    for (let index = 0; index < 9; index++) await engine.run(CHECKED, `web${index}`);
    const gate = Promise.withResolvers<void>();
    let starting = 0;
    const exec = engine.runtime.exec.bind(engine.runtime);
    engine.runtime.exec = async (request, signal) => {
      starting++;
      await gate.promise;
      return await exec(request, signal);
    };
    await pass(world, 10_000);
    expect(starting).toBe(4);
    gate.resolve();
    await settle();
    expect(probesOf(world)).toHaveLength(9);
  });

  test("rest with a paused container, and leave nothing behind one that has ended", async () => {
    using world = new World();
    await using engine = await openTestEngine(world);
    const id = await engine.run(CHECKED, "web");
    await check(world, 0);
    await engine.containers.pause("web");
    expect(await healthOf(engine)).toBe("unhealthy 0 1");
    await pass(world, 60_000);
    expect(probesOf(world)).toHaveLength(0);
    await engine.containers.unpause("web");
    await check(world, 0);
    expect(await healthOf(engine)).toBe("healthy 0 2");
    await pass(world, 10_000);
    await engine.containers.stop("web", {});
    await settle();
    expect(await healthOf(engine)).toBe("unhealthy 0 2");
    expect(world.clock.pending).toEqual([]);
    await engine.containers.remove("web", { force: false, volumes: false, link: false });
    await settle();
    expect(world.leaks(new Set(), new Set())).toEqual([]);
    expect(world.store.collection({ name: "healths", version: 1 }).count()).toBe(0);
    expect(id).not.toBe("");
  });

  test("the next engine ends the check under way, keeps the health, and checks when it is due", async () => {
    using world = new World();
    const first = await openTestEngine(world);
    await first.run(CHECKED, "web");
    await check(world, 0);
    await pass(world, 10_000);
    expect(probesOf(world)).toHaveLength(1);
    first.fuse.arm(0); // it dies, and kills nothing any more
    await first[Symbol.asyncDispose]();
    world.clock.advance(4_000);
    await using second = await openTestEngine(world);
    const [before] = probesOf(world);
    await second.containers.reconcile();
    expect(probesOf(world)).toHaveLength(0);
    expect(await healthOf(second)).toBe("healthy 0 1");
    await pass(world, 0); // 14 s after the last one it is overdue
    expect(probesOf(world)).toHaveLength(1);
    expect(probesOf(world)).not.toEqual([before]);
  });

  test("a container that failed is restarted, counted, and not by a policy that it does not have", async () => {
    using world = new World();
    await using engine = await openTestEngine(world);
    const Labels = { "wharf.health.on-failure": "restart" };
    await engine.run({ ...CHECKED, Labels }, "web");
    await check(world, 1);
    await check(world, 1);
    expect(await engine.status("web")).toBe("restarting");
    await pass(world, 100);
    expect(await engine.status("web")).toBe("running");
    const { record } = await engine.details("web");
    expect(record).toMatchObject({ restartCount: 1, stoppedByUser: false });
    expect(await healthOf(engine)).toBe("starting 0 2");
  });

  test("a stop by the user during that restart is the last word", async () => {
    using world = new World();
    await using engine = await openTestEngine(world);
    const Labels = { "wharf.health.on-failure": "restart" };
    const id = await engine.run({ ...CHECKED, Labels }, "web");
    world.processes.deaf.add(id);
    await check(world, 1);
    await check(world, 1);
    const stopping = engine.containers.stop("web", { timeoutSeconds: 0 });
    await settle();
    world.clock.advance(0);
    await stopping;
    await settle();
    expect(await engine.status("web")).toBe("exited");
  });
});
