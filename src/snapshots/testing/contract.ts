import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConflictError, NotFoundError } from "#base/errors.ts";
import type { Snapshotter } from "#snapshots/snapshotter.ts";
import { MemoryStore } from "#store/memory/store.ts";
import type { Store } from "#store/store.ts";

/**
 * What every snapshotter promises; each driver's test calls this with its own opener.
 *
 * @param below Folder to work in; the system's for temporary files when absent.
 */
export function snapshotterContract(
  driver: string,
  openIn: (root: string, store: Store) => Snapshotter,
  below: () => string = tmpdir,
): void {
  describe(`${driver} snapshotter`, () => {
    let root = "";
    let store: Store;
    let snapshots: Snapshotter;

    beforeEach(() => {
      root = mkdtempSync(join(below(), "wharf-snapshots-"));
      store = new MemoryStore();
      snapshots = openIn(root, store);
    });
    afterEach(async () => {
      for (const info of snapshots.list()) snapshots.unmount(info.name);
      await snapshots.settled();
      rmSync(root, { recursive: true, force: true });
    });

    const layer = async (
      name: string,
      files: Readonly<Record<string, string>>,
      parent?: string,
    ): Promise<void> => {
      snapshots.prepare(`extract-${name}`, parent);
      await snapshots.fill(`extract-${name}`);
      const directory = snapshots.layerDirectory(`extract-${name}`);
      for (const [path, content] of Object.entries(files))
        writeFileSync(join(directory, path), content);
      snapshots.commit(`extract-${name}`, name, 5);
    };

    test("an active snapshot shows its parents' files and keeps its own", async () => {
      await layer("base", { a: "base a", b: "base b" });
      await layer("top", { b: "top b" }, "base");
      snapshots.prepare("box", "top");
      const path = await snapshots.mount("box");
      expect(path).toBe(snapshots.rootPath("box"));
      expect(await snapshots.mount("box")).toBe(path);
      expect(readFileSync(join(path, "a"), "utf8")).toBe("base a");
      expect(readFileSync(join(path, "b"), "utf8")).toBe("top b");
      writeFileSync(join(path, "c"), "own");
      rmSync(join(path, "a"));
      snapshots.unmount("box");
      snapshots.unmount("box");
      await snapshots.mount("box");
      expect(readdirSync(path).toSorted()).toEqual(["b", "c"]);
      snapshots.prepare("other", "top");
      expect(readdirSync(await snapshots.mount("other")).toSorted()).toEqual(["a", "b"]);
    });

    test("a snapshot has mode and owner of its parent's root, and all that files have", async () => {
      snapshots.prepare("extract");
      await snapshots.fill("extract");
      const layerRoot = snapshots.layerDirectory("extract");
      writeFileSync(join(layerRoot, "tool"), "x");
      linkSync(join(layerRoot, "tool"), join(layerRoot, "same"));
      symlinkSync("tool", join(layerRoot, "link"));
      chownSync(join(layerRoot, "tool"), 12, 34);
      chmodSync(join(layerRoot, "tool"), 0o6755);
      utimesSync(join(layerRoot, "tool"), 1_600_000_000, 1_600_000_000.25);
      chownSync(layerRoot, 5, 6);
      chmodSync(layerRoot, 0o1777);
      snapshots.commit("extract", "base", 1);
      snapshots.prepare("box", "base");
      const path = await snapshots.mount("box");
      const { mode, uid, gid } = statSync(path);
      expect([mode & 0o7777, uid, gid]).toEqual([0o1777, 5, 6]);
      const tool = statSync(join(path, "tool"));
      expect([tool.mode & 0o7777, tool.uid, tool.gid, tool.mtimeMs]).toEqual([
        0o6755, 12, 34, 1_600_000_000_250,
      ]);
      expect(statSync(join(path, "same")).ino).toBe(tool.ino);
      expect(readlinkSync(join(path, "link"))).toBe("tool");
      chownSync(path, 0, 0);
      expect(statSync(layerRoot).uid).toBe(5);
    });

    test("a committed snapshot is seen and cannot be written to", async () => {
      await layer("base", { a: "a" });
      await layer("top", { b: "b" }, "base");
      const view = await snapshots.mount("top");
      expect(await snapshots.mount("top")).toBe(view);
      expect(readdirSync(view).toSorted()).toEqual(["a", "b"]);
      expect(() => writeFileSync(join(view, "x"), "")).toThrow("EROFS");
      snapshots.unmount("top");
      snapshots.prepare("box", "top");
      writeFileSync(join(await snapshots.mount("box"), "x"), "");
    });

    test("unknown storage options are refused, and sizes where they cannot be kept", () => {
      expect(snapshots.parseStorageOptions({})).toEqual({});
      expect(() => snapshots.parseStorageOptions({ foo: "1" })).toThrow(/nknown option foo/);
    });

    test("two at once fill one snapshot once", async () => {
      await layer("base", { a: "a" });
      snapshots.prepare("box", "base");
      const paths = await Promise.all([snapshots.mount("box"), snapshots.mount("box")]);
      expect(new Set(paths).size).toBe(1);
      const mounts = readFileSync("/proc/self/mounts", "utf8").split("\n");
      const there = mounts.filter((line) => line.split(" ")[1] === paths[0]);
      expect(there.length).toBeLessThanOrEqual(1);
      expect(readdirSync(await snapshots.mount("box"))).toEqual(["a"]);
      await snapshots.sync();
    });

    test("a snapshot without a parent is empty, with a root that all may enter", async () => {
      snapshots.prepare("box");
      expect(readdirSync(await snapshots.mount("box"))).toEqual([]);
      writeFileSync(join(snapshots.rootPath("box"), "x"), "1");
    });

    test("commit() gives the name, kind, parent and size", async () => {
      await layer("base", {});
      await layer("top", {}, "base");
      expect(snapshots.stat("extract-top")).toBeUndefined();
      expect(snapshots.stat("top")).toMatchObject({
        kind: "committed",
        parent: "base",
        sizeBytes: 5,
      });
      expect(snapshots.list().map((info) => info.name)).toEqual(["base", "top"]);
    });

    test("commit() under a name that exists keeps the old", async () => {
      await layer("base", { a: "old" });
      await layer("base", { a: "new" });
      snapshots.prepare("box", "base");
      expect(readFileSync(join(await snapshots.mount("box"), "a"), "utf8")).toBe("old");
      expect(snapshots.list().map((info) => info.name)).toEqual(["base", "box"]);
      await snapshots.settled();
    });

    test("prepare() refuses a taken key, a missing parent and an active one", async () => {
      snapshots.prepare("box");
      expect(() => snapshots.prepare("box")).toThrow(ConflictError);
      expect(() => snapshots.prepare("x", "nothing")).toThrow(NotFoundError);
      expect(() => snapshots.prepare("x", "box")).toThrow(ConflictError);
      expect(snapshots.stat("x")).toBeUndefined();
    });

    test("remove() refuses a parent, then deletes the folder of a child, mounted or not", async () => {
      await layer("base", {});
      snapshots.prepare("box", "base");
      const path = await snapshots.mount("box");
      const refusal = await snapshots.remove("base").catch((error: unknown) => error);
      expect(refusal).toBeInstanceOf(ConflictError);
      await snapshots.remove("box");
      await snapshots.remove("box");
      expect(existsSync(path)).toBe(false);
      await snapshots.remove("base");
      expect(snapshots.list()).toEqual([]);
      await snapshots.settled();
    });

    test("usage() counts what a snapshot adds", async () => {
      await layer("base", { a: "x".repeat(100_000) });
      snapshots.prepare("box", "base");
      const path = await snapshots.mount("box");
      mkdirSync(join(path, "d"));
      writeFileSync(join(path, "d", "f"), "x".repeat(50_000));
      expect((await snapshots.usage("box")).bytes).toBe(50_000);
      expect((await snapshots.usage("base")).bytes).toBe(100_000);
    });

    test("a reopened snapshotter has it all, and reconcile() sweeps what has no record", async () => {
      await layer("base", { a: "base" });
      snapshots.prepare("box", "base");
      const path = await snapshots.mount("box");
      mkdirSync(join(root, snapshots.driver, "stranger", "diff"), { recursive: true });
      const again = openIn(root, store);
      await again.reconcile((key) => key !== "box");
      await again.settled();
      expect(existsSync(join(root, snapshots.driver, "stranger"))).toBe(false);
      if (snapshots.layerForm === "overlay") expect(existsSync(join(path, "a"))).toBe(false);
      expect(readFileSync(join(await again.mount("box"), "a"), "utf8")).toBe("base");
      await again.reconcile(() => true);
      expect(existsSync(join(path, "a"))).toBe(true);
    });

    test("reconcile() finishes a prepare that a crash cut after its record", async () => {
      snapshots.prepare("box");
      const [name = ""] = readdirSync(join(root, snapshots.driver)).filter(
        (entry) => !entry.startsWith("."),
      );
      rmSync(join(root, snapshots.driver, name), { recursive: true });
      const again = openIn(root, store);
      await again.reconcile(() => true);
      expect(readdirSync(await again.mount("box"))).toEqual([]);
    });
  });
}
