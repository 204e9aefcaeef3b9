import { describe, expect, test } from "bun:test";
import { rejectionOf } from "#base/testing/rejection.ts";
import type { Filters } from "#spec/engine-api/filters.ts";
import { openTestEngine, settle, type TestEngine, World } from "./testing/harness.ts";

async function names(
  engine: TestEngine,
  filters: Readonly<Record<string, readonly string[]>> = {},
  options: { readonly all?: boolean; readonly limit?: number } = {},
): Promise<readonly string[]> {
  const map: Filters = new Map(Object.entries(filters));
  const request = { all: true, withSizes: false, filters: map, ...options };
  const found = await engine.containers.list(request);
  return found.map(({ record }) => record.name);
}

async function population(world: World): Promise<TestEngine> {
  const engine = await openTestEngine(world);
  await engine.create({ Labels: { tier: "db" }, ExposedPorts: { "80/tcp": {} } }, "fresh");
  const ended = await engine.run({ Labels: { tier: "web", x: "1" } }, "ended");
  world.processes.end(ended, 3);
  const published = { PortBindings: { "53/udp": [{ HostPort: "5353" }] }, Binds: ["data:/srv"] };
  await engine.run({ ExposedPorts: { "80/tcp": {} }, HostConfig: published }, "up");
  await engine.run({ HostConfig: { NetworkMode: "none" } }, "held");
  await engine.containers.pause("held");
  await settle();
  return engine;
}

describe("list()", () => {
  test.each([
    [{}, ["held", "up", "ended", "fresh"]],
    [{ status: ["paused", "created"] }, ["held", "fresh"]],
    [{ exited: ["3"] }, ["ended"]],
    [{ exited: ["0"] }, []],
    [{ label: ["tier"] }, ["ended", "fresh"]],
    [{ label: ["tier=web", "x"] }, ["ended"]],
    [{ "label!": ["tier=web"] }, ["held", "up", "fresh"]],
    [{ name: ["^/?e"] }, ["ended"]],
    [{ before: ["up"] }, ["ended", "fresh"]],
    [{ since: ["ended"] }, ["held", "up"]],
    // by what runs: `fresh` exposes 80 as well, and was never started
    [{ expose: ["80"] }, ["up"]],
    [{ expose: ["50-60/udp"] }, ["up"]],
    // by the host's port, not the container's
    [{ publish: ["5353/udp"] }, ["up"]],
    [{ publish: ["53/udp"] }, []],
    [{ network: ["none"] }, ["held"]],
    [{ network: ["a".repeat(12)] }, ["up", "ended", "fresh"]],
    [{ volume: ["data"] }, ["up"]],
    [{ volume: ["/srv"] }, ["up"]],
    [{ ancestor: ["busybox"] }, ["held", "up", "ended", "fresh"]],
    [{ ancestor: ["nothing"] }, []],
    [{ "is-task": ["false"] }, ["held", "up", "ended", "fresh"]],
    [{ health: ["healthy"] }, []],
  ] as const)("filters by %j", async (filters, expected) => {
    using world = new World();
    await using engine = await population(world);
    expect(await names(engine, filters)).toEqual([...expected]);
  });

  test("shows what runs, or the last few, or those of a state", async () => {
    using world = new World();
    await using engine = await population(world);
    expect(await names(engine, {}, { all: false })).toEqual(["held", "up"]);
    expect(await names(engine, {}, { all: false, limit: 3 })).toEqual(["held", "up", "ended"]);
    expect(await names(engine, { status: ["exited"] }, { all: false })).toEqual(["ended"]);
    expect(engine.containers.counts()).toEqual({ running: 1, paused: 1, stopped: 2 });
  });

  test.each([
    [{ status: ["foo"] }, "invalid value for state (foo): must be one of created, running"],
    [{ exited: ["x"] }, 'strconv.Atoi: parsing "x": invalid syntax'],
    [{ before: ["nope"] }, "No such container: nope"],
    [
      { expose: ["foo"] },
      'error while looking up for expose foo: strconv.ParseUint: parsing "foo"',
    ],
    [{ publish: ["70000"] }, 'strconv.ParseUint: parsing "70000": value out of range'],
    [{ "is-task": ["foo"] }, "invalid filter 'is-task=[foo]'"],
  ])("refuses %j", async (filters, message) => {
    using world = new World();
    await using engine = await openTestEngine(world);
    expect(await rejectionOf(names(engine, filters))).toContain(message);
  });
});

describe("references", () => {
  test("id, name with and without slash, prefix; docker's words for none and several", async () => {
    using world = new World();
    await using engine = await openTestEngine(world);
    const id = await engine.create({}, "web");
    for (const reference of [id, "web", "/web", id.slice(0, 10)]) {
      expect(engine.containers.resolve(reference)).toBe(id);
    }
    expect(() => engine.containers.resolve("")).toThrow('invalid name or ID supplied: ""');
    expect(() => engine.containers.resolve("nope")).toThrow("No such container: nope");
    for (let count = 0; count < 20; count++) await engine.create();
    expect(() => {
      for (const digit of "0123456789abcdef") {
        try {
          engine.containers.resolve(digit);
        } catch (error) {
          if (error instanceof Error && error.message.startsWith("multiple")) throw error;
        }
      }
    }).toThrow("multiple IDs found with provided prefix: ");
  });

  test("a name is one container's, until renamed or removed", async () => {
    using world = new World();
    await using engine = await openTestEngine(world);
    const id = await engine.create({}, "web");
    expect(await rejectionOf(engine.create({}, "web"))).toBe(
      `Conflict. The container name "/web" is already in use by container "${id}". ` +
        "You have to remove (or rename) that container to be able to reuse that name.",
    );
    expect(await rejectionOf(engine.containers.rename("web", "web"))).toBe(
      "Renaming a container with the same name as its current name",
    );
    expect(await rejectionOf(engine.containers.rename("web", "a b"))).toBe(
      "Error when allocating new name: Invalid container name (/a b), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
    );
    await engine.containers.rename("web", "old");
    const other = await engine.create({}, "web");
    expect(engine.containers.resolve("old")).toBe(id);
    expect(engine.containers.resolve("web")).toBe(other);
  });

  test("prune removes what does not run and counts its bytes", async () => {
    using world = new World();
    await using engine = await population(world);
    const { ids, reclaimedBytes } = await engine.containers.prune(new Map());
    expect(ids).toHaveLength(2);
    expect(reclaimedBytes).toBe(20);
    expect(await names(engine)).toEqual(["held", "up"]);
    expect(engine.events.at(-1)).toBe("container prune");
  });
});
