import { describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { rejectionOf } from "#base/testing/rejection.ts";
import { NO_ABORT, openTestEngine, settle, World } from "#containers/testing/harness.ts";

const linked = (...Links: string[]) => ({ HostConfig: { Links } });

describe("links", () => {
  test("are shown from both sides, follow a new name, and name their target", async () => {
    using world = new World();
    await using engine = await openTestEngine(world);
    const db = await engine.run({}, "db");
    await engine.run(linked("db:database", "db", "db:database"), "web");
    expect((await engine.details("web")).links).toEqual(["/db:/web/database", "/db:/web/db"]);
    expect((await engine.details("db")).linkNames).toEqual(["web/database", "web/db"]);
    expect(engine.containers.resolve("/web/database")).toBe(db);
    await engine.containers.rename("db", "store");
    await engine.containers.rename("web", "shop");
    expect((await engine.details("shop")).links).toEqual([
      "/store:/shop/database",
      "/store:/shop/db",
    ]);
    expect(engine.containers.resolve("shop/db")).toBe(db);
  });

  test.each([
    [linked("nosuch:x"), "could not get container for nosuch: No such container: nosuch"],
    [linked(":x"), 'could not get container for : invalid name or ID supplied: ""'],
    [linked("db:"), "bad format for links: db:"],
    [linked("onhost"), "conflicting options: host type networking can't be used with links"],
  ])("%j are refused", async (body, reason) => {
    using world = new World();
    await using engine = await openTestEngine(world);
    await engine.create({}, "db");
    await engine.create({ HostConfig: { NetworkMode: "host" } }, "onhost");
    expect(await rejectionOf(engine.create(body, "web"))).toContain(reason);
  });

  test("need their target to run, and to be on the network", async () => {
    using world = new World();
    await using engine = await openTestEngine(world);
    await engine.create({}, "db");
    await engine.create(linked("db:x"), "web");
    const starting = engine.containers.start("web", NO_ABORT);
    expect(await rejectionOf(starting)).toBe(
      "Cannot link to a non running container: /db AS /web/x",
    );
    const alone = await engine.run({ HostConfig: { NetworkMode: "none" } }, "alone");
    await engine.create(linked("alone"), "other");
    expect(await rejectionOf(engine.containers.start("other", NO_ABORT))).toBe(
      `container ${alone} not attached to default bridge network`,
    );
    await engine.containers.start("db", NO_ABORT);
    await engine.containers.start("web", NO_ABORT);
    expect(await engine.status("web")).toBe("running");
  });

  test("stand in the hosts file, which follows the target and keeps what the container wrote", async () => {
    using world = new World();
    await using engine = await openTestEngine(world);
    const db = await engine.run({ Hostname: "dbhost" }, "db");
    await engine.run(linked("db:database"), "web");
    const { hostsPath } = await engine.details("web");
    const hosts = (): string => readFileSync(hostsPath, "utf8");
    expect(hosts()).toContain("172.18.0.2\tdatabase dbhost db\n");
    writeFileSync(hostsPath, `${hosts()}10.9.9.9\tmine\n`);
    await engine.containers.stop("db", {});
    world.nextAddress = "172.18.0.9";
    await engine.containers.start("db", NO_ABORT);
    expect(hosts()).toContain("172.18.0.9\tdatabase dbhost db\n");
    expect(hosts()).not.toContain("172.18.0.2\tdatabase");
    expect(hosts()).toContain("10.9.9.9\tmine\n");
    await engine.containers.remove("/web/database", { force: false, volumes: false, link: true });
    expect(hosts()).not.toContain("database");
    expect((await engine.details("web")).links).toEqual([]);
    expect(engine.containers.resolve("db")).toBe(db);
  });

  test("are gone from their target with the link, and with the container", async () => {
    using world = new World();
    const first = await openTestEngine(world);
    await first.run({}, "db");
    await first.run(linked("db:x", "db:y"), "web");
    await first[Symbol.asyncDispose]();
    await using second = await openTestEngine(world);
    await second.containers.reconcile();
    const names = async () => (await second.details("db")).linkNames;
    expect(await names()).toEqual(["web/x", "web/y"]);
    await second.containers.remove("web/x", { force: false, volumes: false, link: true });
    expect(await names()).toEqual(["web/y"]);
    await second.containers.remove("web", { force: true, volumes: false, link: false });
    expect(await names()).toEqual([]);
  });

  test("--link is for links alone", async () => {
    using world = new World();
    await using engine = await openTestEngine(world);
    await engine.run({}, "db");
    await engine.run(linked("db:x"), "web");
    const remove = (name: string): Promise<void> =>
      engine.containers.remove(name, { force: true, volumes: false, link: true });
    expect(await rejectionOf(remove("web"))).toBe(
      "Conflict, cannot remove the default link name of the container",
    );
    expect(await rejectionOf(remove("web/y"))).toBe("No such container: web/y");
    expect(await rejectionOf(remove("nosuch/x"))).toBe("No such container: nosuch/x");
  });

  test("outlast the engine and a target that was made anew", async () => {
    using world = new World();
    const first = await openTestEngine(world);
    await first.run({}, "db");
    await first.run(linked("db:x"), "web");
    await first[Symbol.asyncDispose]();
    await using second = await openTestEngine(world);
    await second.containers.reconcile();
    expect((await second.details("web")).links).toEqual(["/db:/web/x"]);
    await second.containers.remove("db", { force: true, volumes: false, link: false });
    await settle();
    expect((await second.details("web")).links).toEqual(["/db:/web/x"]);
    const again = await second.run({}, "db");
    expect(second.containers.resolve("web/x")).toBe(again);
  });
});

describe("the engine's start", () => {
  const always = (extra: Record<string, unknown>) => ({
    HostConfig: { RestartPolicy: { Name: "always" }, ...extra },
  });

  test("begins containers after those that they need, and names a cycle", async () => {
    using world = new World();
    const first = await openTestEngine(world);
    await first.run(always({}), "db");
    await first.run(always({ Links: ["db"] }), "web");
    await first.run(always({ NetworkMode: "container:web" }), "sidecar");
    await first.run(always({ VolumesFrom: ["sidecar"] }), "backup");
    await first.run(always({}), "free");
    await first[Symbol.asyncDispose]();
    world.reboot();
    await using second = await openTestEngine(world);
    await second.containers.reconcile();
    const started = second.events.filter((event) => event === "container start");
    expect(started).toHaveLength(5);
    const order = [...world.processes.all.keys()];
    const at = (name: string): number => order.indexOf(second.containers.resolve(name));
    expect(at("db")).toBeLessThan(at("web"));
    expect(at("web")).toBeLessThan(at("sidecar"));
    expect(at("sidecar")).toBeLessThan(at("backup"));
    expect(second.warnings).toEqual([]);
  });

  test("tells what a failed one was needed for, and starts the others", async () => {
    using world = new World();
    const first = await openTestEngine(world);
    await first.run({}, "db");
    await first.run(always({ Links: ["db"] }), "web");
    await first.run(always({}), "free");
    await first[Symbol.asyncDispose]();
    world.reboot();
    await using second = await openTestEngine(world);
    await second.containers.reconcile();
    expect(await second.status("free")).toBe("running");
    expect(await second.status("web")).toBe("exited");
    expect(second.warnings).toEqual([
      "Cannot restart container web: Cannot link to a non running container: /db AS /web/db",
    ]);
  });

  test("names containers that need each other", async () => {
    using world = new World();
    const first = await openTestEngine(world);
    const names = ["one", "two"];
    for (const name of names) await first.run(always({}), name);
    await first[Symbol.asyncDispose]();
    world.reboot();
    const records = world.store.collection<{
      readonly name: string;
      readonly hostConfig: Record<string, unknown>;
    }>({ name: "containers", version: 1 });
    for (const [id, record] of records.entries()) {
      const other = names.find((name) => name !== record.name);
      const hostConfig = { ...record.hostConfig, NetworkMode: `container:${other}` };
      records.put(id, { ...record, hostConfig });
    }
    await using second = await openTestEngine(world);
    await second.containers.reconcile();
    expect(second.warnings.map((text) => text.replace(/one, two|two, one/, "both"))).toEqual([
      expect.stringContaining("containers both need each other to run"),
      expect.stringContaining("containers both need each other to run"),
    ]);
    expect(await second.status("one")).toBe("exited");
  });
});
