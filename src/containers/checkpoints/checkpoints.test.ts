import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import {
  ConflictError,
  InvalidArgumentError,
  NotFoundError,
  UnsupportedError,
} from "#base/errors.ts";
import { NO_ABORT, openTestEngine, type TestEngine, World } from "#containers/testing/harness.ts";

let world: World;
let engine: TestEngine;

beforeEach(async () => {
  world = new World();
  engine = await openTestEngine(world);
});
afterEach(async () => {
  await engine[Symbol.asyncDispose]();
  world[Symbol.dispose]();
});

const create = (name: string, more: { directory?: string; exit?: boolean } = {}) =>
  engine.containers.createCheckpoint("web", { name, exit: false, ...more });
const list = (directory?: string) => engine.containers.listCheckpoints("web", directory);

describe("checkpoints", () => {
  test("are made of what runs, listed, started from and removed", async () => {
    const id = await engine.run({ Cmd: ["sleep"] }, "web");
    await create("two");
    await create("one", { exit: true });
    await engine.containers.wait("web", "not-running", NO_ABORT);
    expect(await engine.status("web")).toBe("exited");
    expect(list()).toEqual(["one", "two"]);
    expect(engine.events).toContain("container checkpoint");
    await engine.containers.start("web", NO_ABORT, { name: "one" });
    expect(await engine.status("web")).toBe("running");
    expect(world.processes.restored).toEqual([
      join(world.containersDirectory, id, "checkpoints/one"),
    ]);
    await engine.containers.removeCheckpoint("web", { name: "one" });
    expect(list()).toEqual(["two"]);
    const again = engine.containers.removeCheckpoint("web", { name: "one" });
    await expect(again).rejects.toThrow("checkpoint one does not exist for container web");
    await engine.containers.remove("web", { force: true, volumes: false, link: false });
    expect(existsSync(join(world.containersDirectory, id))).toBe(false);
  });

  test("lie in another folder when told, where nothing else is taken for one or removed", async () => {
    await engine.run({ Cmd: ["sleep"] }, "web");
    const directory = join(world.directory, "elsewhere");
    mkdirSync(join(directory, "mine"), { recursive: true });
    await create("one", { directory });
    expect(list()).toEqual([]);
    expect(list(directory)).toEqual(["one"]);
    await expect(create("mine", { directory })).rejects.toThrow("exists and is no checkpoint");
    const remove = engine.containers.removeCheckpoint("web", { name: "mine", directory });
    await expect(remove).rejects.toBeInstanceOf(NotFoundError);
    expect(readdirSync(directory).toSorted()).toEqual(["mine", "one"]);
  });

  test("are refused for what does not run, is paused, has a terminal, or has one of the name", async () => {
    await engine.create({}, "web");
    await expect(create("one")).rejects.toThrow("is not running");
    await engine.containers.start("web", NO_ABORT);
    await create("one");
    await expect(create("one")).rejects.toThrow(
      "checkpoint with name one already exists for container web",
    );
    await engine.containers.pause("web");
    await expect(create("two")).rejects.toBeInstanceOf(ConflictError);
    await engine.run({ Tty: true }, "terminal");
    const terminal = engine.containers.createCheckpoint("terminal", { name: "x1", exit: true });
    await expect(terminal).rejects.toThrow("checkpoint not support on containers with tty");
    const running = engine.containers.start("web", NO_ABORT, { name: "one" });
    await expect(running).rejects.toThrow();
  });

  test("that the runtime cannot make leave nothing, and the container runs on", async () => {
    const id = await engine.run({ Cmd: ["uncheckpointable"] }, "web");
    await expect(create("one", { exit: true })).rejects.toThrow(
      "Cannot checkpoint container web: criu refuses",
    );
    expect(list()).toEqual([]);
    expect(readdirSync(join(world.containersDirectory, id, "checkpoints"))).toEqual([]);
    expect(await engine.status("web")).toBe("running");
  });

  test("that were cut off are none, and the next of the name takes the place", async () => {
    const id = await engine.run({ Cmd: ["sleep"] }, "web");
    mkdirSync(join(world.containersDirectory, id, "checkpoints/one"), { recursive: true });
    expect(list()).toEqual([]);
    await create("one");
    expect(list()).toEqual(["one"]);
  });

  test("are refused in criu's words where it cannot work, to make and to start from", async () => {
    await engine.run({ Cmd: ["sleep"] }, "web");
    await create("one", { exit: true });
    await engine.containers.wait("web", "not-running", NO_ABORT);
    world.processes.checkpointRefusal = "criu check failed: no luck";
    const start = engine.containers.start("web", NO_ABORT, { name: "one" });
    await expect(start).rejects.toThrow("Cannot restore container web: criu check failed: no luck");
    expect(await engine.status("web")).toBe("exited");
    await engine.containers.start("web", NO_ABORT);
    await expect(create("two")).rejects.toBeInstanceOf(UnsupportedError);
    await engine.containers.stop("web", {});
    const missing = engine.containers.start("web", NO_ABORT, { name: "none" });
    await expect(missing).rejects.toBeInstanceOf(InvalidArgumentError);
  });
});
