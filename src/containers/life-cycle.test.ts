import { describe, expect, test } from "bun:test";
import { rejectionOf } from "#base/testing/rejection.ts";
import { NO_ABORT, openTestEngine, settle, World } from "./testing/harness.ts";

describe("a container's life", () => {
  test("create, start, end: events and states in docker's order", async () => {
    using world = new World();
    await using engine = await openTestEngine(world);
    const id = await engine.create({ Volumes: { "/data": {} } }, "web");
    expect(await engine.status("web")).toBe("created");
    await engine.containers.start("web", NO_ABORT);
    expect(await engine.status(id.slice(0, 12))).toBe("running");
    world.clock.advance(2500);
    world.processes.end(id, 3);
    await settle();
    const { record } = await engine.details(id);
    expect(record.state).toMatchObject({ status: "exited", exit: { exitCode: 3 } });
    expect(engine.events).toEqual([
      "volume create",
      "container create",
      "volume mount",
      "network connect",
      "container start",
      "network disconnect",
      "volume unmount",
      "container die 3",
    ]);
    expect(world.leaks(new Set(), new Set([id]))).toEqual([]);
    await engine.containers.remove("web", { force: false, volumes: true, link: false });
    expect(engine.events.slice(-2)).toEqual(["volume destroy", "container destroy"]);
    expect(world.leaks(new Set(), new Set())).toEqual([]);
    expect(engine.warnings).toEqual([]);
  });

  test("costs three commits from create to exit, besides the networks' own", async () => {
    using world = new World();
    await using engine = await openTestEngine(world);
    const id = await engine.run();
    world.processes.end(id, 0);
    await settle();
    expect(engine.fuse.calls.filter((call) => call.startsWith("containers."))).toHaveLength(3);
  });

  test("stop: signal, grace, SIGKILL; a second stop waits for the same end", async () => {
    using world = new World();
    await using engine = await openTestEngine(world);
    const id = await engine.run({}, "web");
    world.processes.deaf.add(id);
    const first = engine.containers.stop("web", { timeoutSeconds: 5 });
    const second = engine.containers.stop("web", { timeoutSeconds: 7 });
    await settle();
    expect(world.clock.pending).toEqual([5000, 7000]);
    world.clock.advance(4999);
    await settle();
    expect(await engine.status("web")).toBe("running");
    world.clock.advance(1);
    await Promise.all([first, second]);
    expect(world.processes.signals).toEqual(["15", "15", "9"]);
    expect(engine.events.slice(-6)).toEqual([
      "container kill 15",
      "container kill 9",
      "network disconnect",
      "container die 137",
      "container stop",
      "container stop",
    ]);
    expect(await rejectionOf(engine.containers.stop("web", {}))).toBe(
      "container is already stopped",
    );
  });

  test("kill goes through while a stop waits out its grace", async () => {
    using world = new World();
    await using engine = await openTestEngine(world);
    const id = await engine.run({}, "web");
    world.processes.deaf.add(id);
    const stopping = engine.containers.stop("web", { timeoutSeconds: -1 });
    await settle();
    await engine.containers.kill("web", "KILL");
    await stopping;
    expect(await engine.status("web")).toBe("exited");
  });

  test("stop of a paused container resumes it", async () => {
    using world = new World();
    await using engine = await openTestEngine(world);
    await engine.run({}, "web");
    await engine.containers.pause("web");
    expect(await rejectionOf(engine.containers.pause("web"))).toContain("is already paused");
    expect(await rejectionOf(engine.containers.start("web", NO_ABORT))).toBe(
      "cannot start a paused container, try unpause instead",
    );
    await engine.containers.stop("web", {});
    expect(engine.events).toContain("container unpause");
    expect(await engine.status("web")).toBe("exited");
  });

  test("rm -f ends a stop's wait; rm of a running one is refused in docker's words", async () => {
    using world = new World();
    await using engine = await openTestEngine(world);
    const id = await engine.run({}, "web");
    world.processes.deaf.add(id);
    const refused = engine.containers.remove("web", { force: false, volumes: false, link: false });
    expect(await rejectionOf(refused)).toBe(
      'cannot remove container "web": container is running: stop the container before removing or force remove',
    );
    const stopping = engine.containers.stop("web", { timeoutSeconds: -1 });
    await settle();
    await engine.containers.remove("web", { force: true, volumes: false, link: false });
    await stopping;
    expect(() => engine.containers.resolve("web")).toThrow("No such container: web");
    expect(world.leaks(new Set(), new Set())).toEqual([]);
  });

  test("two removals at once: the second is told of the first", async () => {
    using world = new World();
    await using engine = await openTestEngine(world);
    await engine.run({}, "web");
    const options = { force: true, volumes: false, link: false };
    const first = engine.containers.remove("web", options);
    expect(await rejectionOf(engine.containers.remove("web", options))).toBe(
      "removal of container web is already in progress",
    );
    await first;
  });

  test("--rm: gone for its waiters at once, its name and port free, cleaned behind", async () => {
    using world = new World();
    await using engine = await openTestEngine(world);
    const body = {
      Volumes: { "/data": {} },
      HostConfig: { AutoRemove: true, PortBindings: { "80/tcp": [{ HostPort: "8080" }] } },
    };
    const id = await engine.create(body, "web");
    const waiting = engine.containers.wait(id, "removed", NO_ABORT);
    await engine.containers.start(id, NO_ABORT);
    world.processes.end(id, 7);
    expect(await waiting).toEqual({ exitCode: 7 });
    const again = await engine.run(body, "web");
    await engine.containers.kill(again, "KILL");
    expect(engine.events.slice(-4)).toEqual([
      "volume unmount",
      "container die 137",
      "volume destroy",
      "container destroy",
    ]);
    await engine[Symbol.asyncDispose]();
    expect(world.leaks(new Set(), new Set())).toEqual([]);
  });

  test("restart keeps an --rm container", async () => {
    using world = new World();
    await using engine = await openTestEngine(world);
    await engine.run({ HostConfig: { AutoRemove: true } }, "web");
    await engine.containers.restart("web", {});
    expect(await engine.status("web")).toBe("running");
    expect(engine.events.slice(-3)).toEqual([
      "network connect",
      "container start",
      "container restart",
    ]);
  });

  test("a failing start leaves nothing, shows why, and ends the clients that had attached", async () => {
    using world = new World();
    await using engine = await openTestEngine(world);
    const id = await engine.create({ Cmd: ["nosuch"] }, "web");
    const { stream } = await engine.containers.attach("web", NO_ABORT);
    expect(await rejectionOf(engine.containers.start("web", NO_ABORT))).toContain(
      "executable file not found",
    );
    for await (const _chunk of stream.output()) throw new Error("no output was due");
    expect((await engine.details("web")).record.state).toMatchObject({
      status: "created",
      failure: { exitCode: 127 },
    });
    expect(world.leaks(new Set(), new Set([id]))).toEqual([]);
  });

  test("a failing start with --rm removes the container, and its waiters get the code", async () => {
    using world = new World();
    await using engine = await openTestEngine(world);
    const body = { Cmd: ["nosuch"], Volumes: { "/data": {} }, HostConfig: { AutoRemove: true } };
    const id = await engine.create(body, "web");
    const waiting = engine.containers.wait(id, "removed", NO_ABORT);
    expect(await rejectionOf(engine.containers.start(id, NO_ABORT))).toContain("not found");
    expect((await waiting).exitCode).toBe(127);
    expect(engine.events.slice(-2)).toEqual(["volume destroy", "container destroy"]);
    expect(world.leaks(new Set(), new Set())).toEqual([]);
  });

  test("an unknown network is docker's message and code 128", async () => {
    using world = new World();
    await using engine = await openTestEngine(world);
    await engine.create({ HostConfig: { NetworkMode: "foo" } }, "web");
    expect(await rejectionOf(engine.containers.start("web", NO_ABORT))).toBe(
      "failed to set up container networking: network foo not found",
    );
    const { record } = await engine.details("web");
    expect(record.state).toMatchObject({ failure: { exitCode: 128 } });
  });

  test("attach before start sees the process before it runs", async () => {
    using world = new World();
    await using engine = await openTestEngine(world);
    const id = await engine.create({ Cmd: ["true"] });
    const { stream } = await engine.containers.attach(id, NO_ABORT);
    const output = (async () => {
      let text = "";
      for await (const { bytes } of stream.output()) text += new TextDecoder().decode(bytes);
      return text;
    })();
    await engine.containers.start(id, NO_ABORT);
    expect(await output).toBe("created");
    await stream[Symbol.asyncDispose]();
    expect(engine.events).not.toContain("container detach");
  });

  test("an oom kill is published before the end", async () => {
    using world = new World();
    await using engine = await openTestEngine(world);
    const id = await engine.run();
    world.processes.end(id, 137, { oomKilled: true });
    await settle();
    expect(engine.events.slice(-3)).toEqual([
      "container oom",
      "network disconnect",
      "container die 137",
    ]);
  });
});

describe("restart policies", () => {
  test("on-failure:2 restarts twice, 100 ms and 200 ms later, then stays down", async () => {
    using world = new World();
    await using engine = await openTestEngine(world);
    const policy = { Name: "on-failure", MaximumRetryCount: 2 };
    const id = await engine.run({ HostConfig: { RestartPolicy: policy } });
    for (const delayMs of [100, 200]) {
      world.processes.end(id, 1);
      await settle();
      expect(await engine.status(id)).toBe("restarting");
      expect(world.clock.pending).toEqual([delayMs]);
      world.clock.advance(delayMs);
      await settle();
      expect(await engine.status(id)).toBe("running");
    }
    world.processes.end(id, 1);
    await settle();
    expect(await engine.status(id)).toBe("exited");
    expect((await engine.details(id)).record.restartCount).toBe(2);
  });

  test("stop during the wait leaves it exited; rm is refused before", async () => {
    using world = new World();
    await using engine = await openTestEngine(world);
    const id = await engine.run({ HostConfig: { RestartPolicy: { Name: "always" } } });
    world.processes.end(id, 4);
    await settle();
    const refused = engine.containers.remove(id, { force: false, volumes: false, link: false });
    expect(await rejectionOf(refused)).toContain("container is restarting");
    const waiting = engine.containers.wait(id, "not-running", NO_ABORT);
    await engine.containers.stop(id, {});
    expect(await waiting).toEqual({ exitCode: 4 });
    world.clock.advance(60_000);
    await settle();
    expect(await engine.status(id)).toBe("exited");
  });

  test("kill holds back the policy, a signal that means reload does not", async () => {
    using world = new World();
    await using engine = await openTestEngine(world);
    const id = await engine.run({ HostConfig: { RestartPolicy: { Name: "unless-stopped" } } });
    await engine.containers.kill(id, "HUP");
    expect((await engine.details(id)).record.stoppedByUser).toBe(false);
    await engine.containers.kill(id, "KILL");
    expect(await engine.status(id)).toBe("exited");
  });
});

describe("the next engine", () => {
  test("takes over what runs, reads the exit of what ended, and restarts what is to restart", async () => {
    using world = new World();
    const first = await openTestEngine(world);
    const runs = await first.run({}, "runs");
    const ended = await first.run({}, "ended");
    const policy = { HostConfig: { RestartPolicy: { Name: "always" } } };
    const always = await first.run(policy, "always");
    const removed = await first.run({ HostConfig: { AutoRemove: true } }, "removed");
    await first[Symbol.asyncDispose]();
    world.processes.end(ended, 9);
    world.processes.end(always, 0);
    world.processes.end(removed, 0);
    await using second = await openTestEngine(world);
    await second.containers.reconcile();
    expect(await second.status("runs")).toBe("running");
    expect((await second.details("ended")).record.state).toMatchObject({ exit: { exitCode: 9 } });
    expect(await second.status("always")).toBe("running");
    expect(() => second.containers.resolve("removed")).toThrow("No such container");
    expect(world.leaks(new Set([runs, always]), new Set([runs, always, ended]))).toEqual([]);
    world.processes.end(runs, 5);
    await settle();
    expect(await second.status("runs")).toBe("exited");
    expect(second.warnings).toEqual([]);
  });

  test("after a reboot: code 255, and policies but for what the user had stopped", async () => {
    using world = new World();
    const first = await openTestEngine(world);
    const plain = await first.run({}, "plain");
    const unless = { HostConfig: { RestartPolicy: { Name: "unless-stopped" } } };
    const up = await first.run(unless, "up");
    const stopped = await first.run(unless, "stopped");
    await first.containers.stop("stopped", {});
    await first[Symbol.asyncDispose]();
    world.reboot();
    await using second = await openTestEngine(world);
    await second.containers.reconcile();
    expect((await second.details("plain")).record.state).toMatchObject({ exit: { exitCode: 255 } });
    expect(await second.status("up")).toBe("running");
    expect(await second.status("stopped")).toBe("exited");
    expect(world.leaks(new Set([up]), new Set([plain, up, stopped]))).toEqual([]);
  });

  test("stopAll() ends a start that is under way, and no other begins", async () => {
    using world = new World();
    await using engine = await openTestEngine(world);
    const id = await engine.create({}, "early");
    await engine.create({}, "late");
    const starting = engine.containers.start("early", NO_ABORT);
    const stopping = engine.containers.stopAll(1000);
    const refused = engine.containers.start("late", NO_ABORT);
    expect(await rejectionOf(refused)).toContain("the engine is ending");
    await starting.catch(() => undefined);
    await stopping;
    expect(await engine.status("early")).not.toBe("running");
    expect(world.leaks(new Set(), new Set([id, engine.containers.resolve("late")]))).toEqual([]);
  });

  test("stopAll() leaves policies in force for the next engine", async () => {
    using world = new World();
    const first = await openTestEngine(world);
    await first.run({ HostConfig: { RestartPolicy: { Name: "unless-stopped" } } }, "web");
    await first.containers.stopAll(1000);
    expect(await first.status("web")).toBe("exited");
    await first[Symbol.asyncDispose]();
    await using second = await openTestEngine(world);
    await second.containers.reconcile();
    expect(await second.status("web")).toBe("running");
  });
});
