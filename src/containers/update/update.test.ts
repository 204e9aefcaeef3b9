import { afterEach, describe, expect, test } from "bun:test";
import { REFUSED_PIDS } from "#containers/testing/fake-runtime.ts";
import { NO_ABORT, openTestEngine, settle, World } from "#containers/testing/harness.ts";
import { parseContainerUpdate } from "#spec/engine-api/container-update.ts";
import { type ContainerId, parseContainerId } from "#spec/ids.ts";

const MIB = 1024 * 1024;
const worlds: World[] = [];
afterEach(() => {
  for (const world of worlds.splice(0)) world[Symbol.dispose]();
});

async function setUp(body: Record<string, unknown> = {}) {
  const world = new World();
  worlds.push(world);
  const engine = await openTestEngine(world);
  const id = await engine.run(body, "web");
  const update = (request: unknown, reference: string = id) =>
    engine.containers.update(reference, parseContainerUpdate(request));
  const record = async () => (await engine.details(id)).record;
  const limits = () => world.processes.limits.get(id);
  return { world, engine, id, update, record, limits };
}

async function end(engine: Awaited<ReturnType<typeof setUp>>["engine"], id: ContainerId) {
  await engine.containers.stop(id, {});
  await settle();
}

describe("update of a running container", () => {
  test("changes limits in record and world, and says so in an event", async () => {
    const { engine, update, record, limits } = await setUp({ HostConfig: { Memory: 64 * MIB } });
    await using _ = engine;
    expect(await update({ Memory: 100 * MIB, CpuShares: 300, PidsLimit: 7 })).toEqual([]);
    expect((await record()).hostConfig).toMatchObject({
      Memory: 100 * MIB,
      MemorySwap: 128 * MIB,
      CpuShares: 300,
      PidsLimit: 7,
    });
    expect(limits()).toMatchObject({
      memory: { limit: 100 * MIB, swap: 128 * MIB },
      cpu: { shares: 300 },
      pids: { limit: 7 },
    });
    expect(engine.events.at(-1)).toBe("container update");
    await update({ PidsLimit: -1 });
    expect([(await record()).hostConfig.PidsLimit, limits()?.pids]).toEqual([null, { limit: -1 }]);
  });

  test("leaves everything as it was when one part is refused", async () => {
    const { engine, id, update, record, limits } = await setUp({
      HostConfig: { Memory: 64 * MIB, PortBindings: { "80/tcp": [{ HostPort: "8080" }] } },
    });
    await using _ = engine;
    const before = await record();
    const request = {
      Memory: 100 * MIB,
      PidsLimit: REFUSED_PIDS,
      AddLabels: { a: "1" },
      AddPortBindings: { "81/tcp": [{ HostPort: "8081" }] },
    };
    expect(update(request)).rejects.toThrow(`Cannot update container ${id}: the kernel refuses`);
    await settle();
    expect(await record()).toEqual(before);
    expect(limits()?.memory?.limit).toBe(64 * MIB);
    expect((await engine.details(id)).sandbox?.ports).toHaveLength(1);
  });

  test("keeps environment and mounts for the next start, and says so", async () => {
    const { engine, id, update, record } = await setUp({ Env: ["A=1", "B=2"] });
    await using _ = engine;
    const warnings = await update({
      AddEnv: ["A=2"],
      RemoveEnv: ["B"],
      AddMounts: [{ Type: "volume", Source: "data", Target: "/data" }],
    });
    expect(warnings).toEqual([
      "The container runs on with what it has: the new environment and mounts will be in force when it starts next.",
    ]);
    expect((await record()).config.Env).toEqual(["A=1", "B=2"]);
    expect((await record()).mounts).toEqual([]);
    await update({ AddEnv: ["C=3"] });
    await end(engine, id);
    await engine.containers.start(id, NO_ABORT);
    const after = await record();
    expect(after.config.Env).toEqual(["A=2", "C=3"]);
    expect(after.mounts.map(({ destination }) => destination)).toEqual(["/data"]);
    expect(after.hostConfig.Mounts).toMatchObject([{ Type: "volume", Target: "/data" }]);
    expect(after.nextStart).toBeUndefined();
    await update({ RemoveMounts: ["/data"] });
    expect((await record()).mounts).toHaveLength(1);
    expect(update({ RemoveMounts: ["/data"] })).rejects.toThrow("nothing is mounted at /data");
  });

  test("publishes and takes away ports, and refuses a taken one with its holder", async () => {
    const { engine, id, update } = await setUp();
    await using _ = engine;
    await engine.run({ HostConfig: { PortBindings: { "80/tcp": [{ HostPort: "90" }] } } }, "other");
    const ports = async () =>
      (await engine.details(id)).sandbox?.ports.map((port) => port.hostPort);
    await update({ AddPortBindings: { "80/tcp": [{ HostPort: "8080" }] } });
    expect(await ports()).toEqual([8080]);
    expect((await engine.details(id)).record.config.ExposedPorts).toEqual({ "80/tcp": {} });
    expect(update({ AddPortBindings: { "80/tcp": [{ HostPort: "90" }] } })).rejects.toThrow(
      "port 90 is already allocated",
    );
    await settle();
    expect(await ports()).toEqual([8080]);
    await update({ RemovePortBindings: { "80/tcp": [] } });
    expect(await ports()).toEqual([]);
    expect(update({ RemovePortBindings: { "80/tcp": [] } })).rejects.toThrow(
      "port 80/tcp is not published",
    );
  });
});

describe("a container that takes over from another", () => {
  test("has its ports, and the other has them no longer", async () => {
    const { engine, id, update, record } = await setUp();
    await using _ = engine;
    const bound = { "80/tcp": [{ HostPort: "90" }], "81/tcp": [{ HostPort: "91" }] };
    const other = await engine.run({ HostConfig: { PortBindings: bound } }, "other");
    const ports = async (of: ContainerId) =>
      (await engine.details(of)).sandbox?.ports.map((port) => port.hostPort);
    await update({ AddPortBindings: { "80/tcp": [{ HostPort: "90" }] }, TakeOverFrom: "other" });
    expect([await ports(id), await ports(other)]).toEqual([[90], [91]]);
    expect((await record()).hostConfig.PortBindings).toMatchObject({
      "80/tcp": [{ HostPort: "90" }],
    });
    expect(Object.keys((await engine.details(other)).record.hostConfig.PortBindings)).toEqual([
      "81/tcp",
    ]);
  });

  test("is not itself, and both run", async () => {
    const { engine, id, update } = await setUp();
    await using _ = engine;
    const other = await engine.run({}, "other");
    expect(update({ TakeOverFrom: id })).rejects.toThrow("cannot take over from itself");
    expect(update({ TakeOverFrom: "nobody" })).rejects.toThrow("No such container: nobody");
    await end(engine, other);
    expect(update({ TakeOverFrom: "other" })).rejects.toThrow("container other is not running");
    expect(update({ Endpoints: { front: { Aliases: ["a"] } } })).rejects.toThrow(
      "it is not on network front",
    );
  });

  test("two that take over from each other at once do not wait for ever", async () => {
    const { engine, id, update } = await setUp();
    await using _ = engine;
    const other = await engine.run({}, "other");
    await Promise.all([update({ TakeOverFrom: other }, id), update({ TakeOverFrom: id }, other)]);
  });
});

describe("update of a container that does not run", () => {
  test("changes what it starts with", async () => {
    const { engine, id, update, record, limits } = await setUp({ Env: ["A=1"] });
    await using _ = engine;
    await end(engine, id);
    const request = {
      Memory: 64 * MIB,
      MemorySwap: 64 * MIB,
      AddEnv: ["A=2"],
      AddMounts: [{ Type: "tmpfs", Target: "/t" }],
      AddPortBindings: { "80/tcp": [{ HostPort: "8080" }] },
    };
    expect(await update(request)).toEqual([]);
    expect((await record()).config).toMatchObject({ Env: ["A=2"], ExposedPorts: { "80/tcp": {} } });
    expect((await record()).nextStart).toBeUndefined();
    await engine.containers.start(id, NO_ABORT);
    expect(limits()?.memory).toMatchObject({ limit: 64 * MIB });
    expect((await engine.details(id)).sandbox?.ports).toHaveLength(1);
  });

  test("ends the wait for a restart that the new policy does not want", async () => {
    const { world, engine, id, update } = await setUp({
      HostConfig: { RestartPolicy: { Name: "always" } },
    });
    await using _ = engine;
    world.processes.end(id, 3);
    await settle();
    expect(await engine.status(id)).toBe("restarting");
    await update({ RestartPolicy: { Name: "no" } });
    expect(await engine.status(id)).toBe("exited");
  });

  test.each([
    [
      { HostConfig: { AutoRemove: true } },
      { RestartPolicy: { Name: "always" } },
      "AutoRemove is enabled",
    ],
    [
      { HostConfig: { NanoCpus: 5e8 } },
      { CpuPeriod: 5000 },
      "CPU Period cannot be updated as NanoCPUs",
    ],
    [{}, { RemoveLabels: ["x"] }, 'there is no label "x"'],
    [{}, { RemoveEnv: ["x"] }, 'there is no environment variable "x"'],
    [
      { HostConfig: { NetworkMode: "host" } },
      { AddPortBindings: { "80": [] } },
      "network mode host publishes no ports",
    ],
    [
      { Volumes: { "/a": {} } },
      { AddMounts: [{ Type: "tmpfs", Target: "/a" }] },
      "Duplicate mount point: /a",
    ],
  ])("%j refuses %j", async (body, request, message) => {
    const { engine, update } = await setUp(body);
    await using _ = engine;
    expect(update(request)).rejects.toThrow(message);
    await settle();
  });

  test("names what is not there", async () => {
    const { engine, update } = await setUp();
    await using _ = engine;
    expect(update({}, "nosuch")).rejects.toThrow("No such container: nosuch");
    expect(update({}, parseContainerId("0".repeat(64)))).rejects.toThrow("No such container");
    await settle();
  });
});
