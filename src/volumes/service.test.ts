import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConflictError, InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import type { MountInfo } from "#host/mounts.ts";
import { type Filters, NO_FILTERS } from "#spec/engine-api/filters.ts";
import { MemoryStore } from "#store/memory/store.ts";
import { openVolumes } from "./open.ts";
import { VOLUMES } from "./records.ts";
import { NO_VOLUME_PLUGINS } from "./testing/no-plugins.ts";
import type { VolumeEvent, Volumes } from "./volumes.ts";

const C1 = "c1".repeat(32);
const C2 = "c2".repeat(32);
const TMPFS = { type: "tmpfs", device: "tmpfs", o: "size=1m" };

let directory = "";
let store: MemoryStore;
let mounted: string[] = [];
let events: VolumeEvent[] = [];
let volumes: Volumes;

async function open(): Promise<Volumes> {
  let seed = 0;
  return await openVolumes({
    store,
    clock: { nowMs: () => 1000, delay: async () => {} },
    files: { diskUsage: async () => ({ bytes: 4096, apparentBytes: 4096, inodes: 1 }) },
    mounts: {
      mount: ({ target }) => void mounted.push(target),
      unmount: (target) => {
        const index = mounted.indexOf(target);
        if (index >= 0) mounted.splice(index, 1);
        return index >= 0;
      },
      list: () => mounted.map((target) => ({ target }) as MountInfo),
    },
    processes: { run: async () => ({ code: 0, stdout: "", stderr: "" }) },
    directory,
    plugins: NO_VOLUME_PLUGINS,
    onEvent: (event) => void events.push(event),
    warn: (message) => {
      throw new Error(message);
    },
    randomBytes: (count) => new Uint8Array(count).fill((seed += 1) + 0xa0),
  });
}

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "wharf-volumes-"));
  store = new MemoryStore();
  mounted = [];
  events = [];
  volumes = await open();
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const filtersOf = (entries: Readonly<Record<string, readonly string[]>>): Filters =>
  new Map(Object.entries(entries));

describe("create()", () => {
  test("makes the folder and records the volume", async () => {
    const { volume, isNew } = await volumes.create({ name: "data", labels: { a: "b" } });
    expect(isNew).toBe(true);
    expect(volume).toEqual({
      name: "data",
      driver: "local",
      scope: "local",
      mountpoint: join(directory, "data/_data"),
      labels: { a: "b" },
      options: {},
      createdMs: 1000,
      isAnonymous: false,
    });
    expect(existsSync(volume.mountpoint)).toBe(true);
    expect(volumes.get("data")).toEqual(volume);
  });

  test("returns the one of that name, whatever its labels", async () => {
    const { volume } = await volumes.create({ name: "data" });
    const again = await volumes.create({ name: "data", labels: { x: "y" }, driver: "local" });
    expect(again).toEqual({ volume, isNew: false });
  });

  test("without a name it is anonymous: 64 hex digits and Docker's label", async () => {
    const { volume } = await volumes.create({});
    expect(volume.name).toMatch(/^[0-9a-f]{64}$/);
    expect(volume.labels).toEqual({ "com.docker.volume.anonymous": "" });
    expect(volume.isAnonymous).toBe(true);
  });

  test("an anonymous one for a container goes with a crash before the container is recorded", async () => {
    const kept = await volumes.create({ isForContainer: true });
    volumes.reference(kept.volume.name, C1);
    volumes.dereference(kept.volume.name, C1);
    const lost = await volumes.create({ isForContainer: true });
    await volumes.create({});
    await volumes.create({ name: "named", isForContainer: true });
    expect((await volumes.prune(NO_FILTERS)).names).not.toContain(lost.volume.name);
    expect(volumes.get(lost.volume.name)).toBeDefined();
    volumes = await open();
    expect(volumes.get(lost.volume.name)).toBeUndefined();
    expect(volumes.get("named")).toBeDefined();
  });

  test("tells of what it made and removed, once", async () => {
    await volumes.create({ name: "data" });
    await volumes.create({ name: "data" });
    await volumes.remove("data", { force: true });
    await volumes.remove("data", { force: true });
    expect(events).toEqual([
      { action: "create", name: "data", driver: "local" },
      { action: "destroy", name: "data", driver: "local" },
    ]);
  });

  test("refuses another driver, a bad name, a bad option; nothing is left", async () => {
    expect(volumes.create({ name: "data", driver: "nope" })).rejects.toThrow(
      'create data: error looking up volume plugin nope: plugin "nope" not found',
    );
    expect(volumes.create({ name: "../x" })).rejects.toThrow(InvalidArgumentError);
    expect(volumes.create({ name: "x" })).rejects.toThrow("volume name is too short");
    expect(volumes.create({ name: "data", options: { foo: "" } })).rejects.toThrow(
      "invalid option",
    );
    await volumes.create({ name: "other" });
    expect(volumes.create({ name: "other", driver: "nope" })).rejects.toThrow(ConflictError);
    expect(readdirSync(directory)).toEqual(["other"]);
  });
});

describe("remove()", () => {
  test("refuses while containers have it, and names them", async () => {
    await volumes.create({ name: "data" });
    volumes.reference("data", C2);
    volumes.reference("data", C1);
    volumes.reference("data", C1);
    expect(volumes.usersOf("data")).toEqual([C1, C2]);
    expect(volumes.remove("data", { force: true })).rejects.toThrow(
      `remove data: volume is in use - [${C1}, ${C2}]`,
    );
    volumes.dereference("data", C1);
    volumes.dereference("data", C2);
    await volumes.remove("data", { force: false });
    expect(volumes.get("data")).toBeUndefined();
    expect(readdirSync(directory)).toEqual([]);
  });

  test("of an unknown one is an error, unless forced", async () => {
    expect(volumes.remove("data", { force: false })).rejects.toThrow("get data: no such volume");
    await volumes.remove("data", { force: true });
    expect(() => volumes.reference("data", C1)).toThrow(NotFoundError);
  });

  test("that a crash interrupted is completed at the next start", async () => {
    const { volume } = await volumes.create({ name: "data" });
    writeFileSync(join(volume.mountpoint, "file"), "x");
    store.collection(VOLUMES).put("data", { volume, isRemoving: true });
    expect(volumes.get("data")).toBeUndefined();
    volumes = await open();
    expect(readdirSync(directory)).toEqual([]);
    expect(store.collection(VOLUMES).count()).toBe(0);
  });
});

describe("rename() and createFilled()", () => {
  test("rename() moves folder, record and users in one step", async () => {
    const { volume } = await volumes.create({ name: "old", labels: { a: "b" } });
    writeFileSync(join(volume.mountpoint, "file"), "x");
    volumes.reference("old", C1);
    const renamed = await volumes.rename("old", "new", () => undefined);
    expect(renamed).toEqual({ ...volume, name: "new", mountpoint: join(directory, "new/_data") });
    expect(existsSync(join(renamed.mountpoint, "file"))).toBe(true);
    expect([volumes.get("old"), volumes.usersOf("old"), volumes.usersOf("new")]).toEqual([
      undefined,
      [],
      [C1],
    ]);
    expect(readdirSync(directory)).toEqual(["new"]);
  });

  test("a rename that a crash interrupted has not happened", async () => {
    const { volume } = await volumes.create({ name: "old" });
    writeFileSync(join(volume.mountpoint, "file"), "x");
    store.collection(VOLUMES).put("old", { volume, renamingTo: "new" });
    renameSync(join(directory, "old"), join(directory, "new"));
    volumes = await open();
    expect(existsSync(join(volume.mountpoint, "file"))).toBe(true);
    expect(readdirSync(directory)).toEqual(["old"]);
    expect(store.collection(VOLUMES).get("old")).toEqual({ volume });
  });

  test("a rename whose records cannot be written has not happened", async () => {
    await volumes.create({ name: "old" });
    const failing = volumes.rename("old", "new", () => {
      throw new ConflictError("no");
    });
    expect(failing).rejects.toThrow("no");
    await failing.catch(() => undefined);
    expect(volumes.list(NO_FILTERS).map(({ name }) => name)).toEqual(["old"]);
    expect(readdirSync(directory)).toEqual(["old"]);
  });

  test("createFilled() shows nothing before it is whole, and leaves nothing of a failure", async () => {
    const give = async (path: string): Promise<void> => {
      writeFileSync(join(path, "file"), "x");
      expect(volumes.list(NO_FILTERS)).toEqual([]);
      expect(() => volumes.reference("made", C1)).toThrow(NotFoundError);
    };
    const { mountpoint } = await volumes.createFilled({ name: "made", labels: {} }, give);
    expect(readdirSync(mountpoint)).toEqual(["file"]);
    const failing = volumes.createFilled({ name: "lost", labels: {} }, async (path) => {
      writeFileSync(join(path, "half"), "x");
      throw new ConflictError("no more");
    });
    await failing.catch(() => undefined);
    expect(failing).rejects.toThrow("no more");
    expect(readdirSync(directory)).toEqual(["made"]);
  });

  test("createFilled() that a crash interrupted leaves nothing", async () => {
    const { volume } = await volumes.create({ name: "half" });
    store.collection(VOLUMES).put("half", { volume, isIncomplete: true });
    volumes = await open();
    expect(readdirSync(directory)).toEqual([]);
    expect(store.collection(VOLUMES).count()).toBe(0);
  });

  test("hold() keeps it from being removed", async () => {
    await volumes.create({ name: "data" });
    {
      await using held = await volumes.hold("data");
      expect(held.path).toBe(join(directory, "data/_data"));
      expect(volumes.remove("data", { force: true })).rejects.toThrow("volume is in use");
    }
    await volumes.remove("data", { force: false });
  });
});

describe("list() and prune()", () => {
  beforeEach(async () => {
    await volumes.create({ name: "alpha", labels: { tier: "db" } });
    await volumes.create({ name: "beta" });
    await volumes.create({});
    volumes.reference("beta", C1);
  });

  test("list() filters by name, label, driver and use", () => {
    const names = (entries: Readonly<Record<string, readonly string[]>>): string[] =>
      volumes.list(filtersOf(entries)).map(({ name }) => name.slice(0, 5));
    expect(names({})).toEqual(["a1a1a", "alpha", "beta"]);
    expect(names({ name: ["alp"] })).toEqual(["alpha"]);
    expect(names({ label: ["tier=db"] })).toEqual(["alpha"]);
    expect(names({ driver: ["other"] })).toEqual([]);
    expect(names({ dangling: ["false"] })).toEqual(["beta"]);
    expect(names({ dangling: ["1"] })).toEqual(["a1a1a", "alpha"]);
    expect(() => names({ dangling: ["maybe"] })).toThrow("invalid filter 'dangling=[maybe]'");
  });

  test("prune() takes unused anonymous volumes, with all=true named ones too", async () => {
    const anonymous = volumes.list(filtersOf({ label: ["com.docker.volume.anonymous"] }));
    expect(await volumes.prune(NO_FILTERS)).toEqual({
      names: anonymous.map(({ name }) => name),
      reclaimedBytes: 4096,
    });
    expect((await volumes.prune(filtersOf({ all: ["true"], "label!": ["tier"] }))).names).toEqual(
      [],
    );
    expect((await volumes.prune(filtersOf({ all: ["true"] }))).names).toEqual(["alpha"]);
    expect(volumes.list(NO_FILTERS).map(({ name }) => name)).toEqual(["beta"]);
  });
});

describe("mount()", () => {
  test("of a plain volume returns its folder, made again where it is missing", async () => {
    const { volume } = await volumes.create({ name: "data" });
    rmSync(join(directory, "data"), { recursive: true });
    volumes.reference("data", C1);
    expect(await volumes.mount("data", C1)).toBe(volume.mountpoint);
    expect(existsSync(volume.mountpoint)).toBe(true);
    expect(mounted).toEqual([]);
  });

  test("of a driver's mount is made once and ends with its last container, across restarts", async () => {
    const { volume } = await volumes.create({ name: "cache", options: TMPFS });
    volumes.reference("cache", C1);
    volumes.reference("cache", C2);
    await volumes.mount("cache", C1);
    await volumes.mount("cache", C2);
    await volumes.mount("cache", C2);
    expect(mounted).toEqual([volume.mountpoint]);
    volumes = await open();
    await volumes.unmount("cache", C1);
    await volumes.unmount("cache", C1);
    expect(mounted).toEqual([volume.mountpoint]);
    volumes.dereference("cache", C2);
    expect(mounted).toEqual([]);
    expect(volumes.usersOf("cache")).toEqual([C1]);
  });

  test("remove() takes a mount off before it erases the folder", async () => {
    const { volume } = await volumes.create({ name: "cache", options: TMPFS });
    mounted.push(volume.mountpoint);
    mkdirSync(join(volume.mountpoint, "x"));
    await volumes.remove("cache", { force: false });
    expect(mounted).toEqual([]);
  });
});
