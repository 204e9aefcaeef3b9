import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConflictError, NotFoundError } from "#base/errors.ts";
import type { Snapshotter } from "#snapshots/snapshotter.ts";
import { MemoryStore } from "#store/memory/store.ts";
import type { Store } from "#store/store.ts";

/** What every snapshotter promises; each driver's test calls this with its own opener. */
export function snapshotterContract(
  driver: string,
  openIn: (root: string, store: Store) => Snapshotter,
): void {
  describe(`${driver} snapshotter`, () => {
    let root = "";
    let store: Store;
    let snapshots: Snapshotter;

    beforeEach(() => {
      root = mkdtempSync(join(tmpdir(), "wharf-snapshots-"));
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
      const usage = await snapshots.usage("box");
      if (snapshots.layerForm === "overlay") expect(usage.bytes).toBeLessThan(100_000);
      expect(usage.bytes).toBeGreaterThanOrEqual(50_000);
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
