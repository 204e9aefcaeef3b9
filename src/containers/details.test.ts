import { describe, expect, test } from "bun:test";
import { parseContainerUpdate } from "#spec/engine-api/container-update.ts";
import { parseExecConfig } from "#spec/engine-api/exec-config.ts";
import { NO_ABORT, openTestEngine, settle, type TestEngine, World } from "./testing/harness.ts";

type Change = (engine: TestEngine, id: string, world: World) => Promise<unknown>;

const CHANGES: Readonly<Record<string, Change>> = {
  rename: ({ containers }, id) => containers.rename(id, "other"),
  pause: ({ containers }, id) => containers.pause(id),
  stop: ({ containers }, id) => containers.stop(id, { timeoutSeconds: 0 }),
  "its end": async (_engine, id, world) => {
    world.processes.end(id, 3);
    await settle();
  },
  restart: ({ containers }, id) => containers.restart(id, { timeoutSeconds: 0 }),
  update: ({ containers }, id) =>
    containers.update(id, parseContainerUpdate({ CpuShares: 512 }, { cpuCount: 2 })),
  "an exec of it": ({ containers }, id) =>
    containers.createExec(id, parseExecConfig({ Cmd: ["ls"] })),
  "another that links to it": ({ create }) => create({ HostConfig: { Links: ["one:db"] } }, "web"),
};

describe("details of a container", () => {
  test("the same details come back as long as nothing changes", async () => {
    using world = new World();
    await using engine = await openTestEngine(world);
    const id = await engine.run({}, "one");
    await engine.run({}, "another");
    const first = await engine.details(id);
    expect(await engine.details("one")).toBe(first);
    await engine.containers.list({ all: true, withSizes: true, filters: new Map() });
    await engine.containers.pause("another");
    expect(await engine.details(id)).toBe(first);
  });

  test.each(Object.entries(CHANGES))("after %s they are others", async (_name, change) => {
    using world = new World();
    await using engine = await openTestEngine(world);
    const id = await engine.run({}, "one");
    const first = await engine.details(id);
    await change(engine, id, world);
    expect(await engine.details(id)).not.toEqual(first);
  });

  test("an exec shows until it has ended", async () => {
    using world = new World();
    await using engine = await openTestEngine(world);
    const id = await engine.run({}, "one");
    const first = await engine.details(id);
    const exec = await engine.containers.createExec(id, parseExecConfig({ Cmd: ["ls"] }));
    expect((await engine.details(id)).execIds).toEqual([exec]);
    await engine.containers.startExec(exec, { detach: true, terminal: false }, NO_ABORT);
    expect((await engine.details(id)).execIds).toEqual([exec]);
    world.processes.end(exec, 0);
    await settle();
    expect(await engine.details(id)).toEqual(first);
  });
});
