import { expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ContainerUse, Snapshotter } from "#snapshots/snapshotter.ts";
import { snapshotterContract } from "#snapshots/testing/contract.ts";
import { linuxSnapshotterOptions } from "#snapshots/testing/linux-options.ts";
import { MemoryStore } from "#store/memory/store.ts";
import type { Store } from "#store/store.ts";
import { openOverlaySnapshotter } from "./overlay-snapshotter.ts";

function open(root: string, store: Store): Snapshotter {
  return openOverlaySnapshotter(linuxSnapshotterOptions(root, store));
}

snapshotterContract("overlay2", open);

async function withSnapshotter(
  work: (snapshots: Snapshotter) => void | Promise<void>,
): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), "wharf-overlay-"));
  const snapshots = open(root, new MemoryStore());
  try {
    await work(snapshots);
  } finally {
    for (const info of snapshots.list()) snapshots.unmount(info.name);
    await snapshots.settled();
    rmSync(root, { recursive: true, force: true });
  }
}

test("a container's root has mode and owner of its image's", () =>
  withSnapshotter(async (snapshots) => {
    snapshots.prepare("extract");
    chmodSync(snapshots.layerDirectory("extract"), 0o1777);
    snapshots.commit("extract", "base", 0);
    snapshots.prepare("box", "base");
    expect(statSync(await snapshots.mount("box")).mode & 0o7777).toBe(0o1777);
  }));

test("commit() names the parent of a layer that was extracted before it", () =>
  withSnapshotter(async (snapshots) => {
    for (const name of ["top", "base"]) {
      snapshots.prepare(`extract-${name}`);
      writeFileSync(join(snapshots.layerDirectory(`extract-${name}`), name), "");
    }
    expect(() => snapshots.commit("extract-top", "top", 0, "base")).toThrow("no such snapshot");
    snapshots.commit("extract-base", "base", 0);
    snapshots.commit("extract-top", "top", 0, "base");
    expect(snapshots.stat("top")?.parent).toBe("base");
    const data = snapshots.graphData("top");
    expect(data["LowerDir"]).toBe(snapshots.graphData("base")["UpperDir"]);
    const view = await snapshots.mount("top");
    expect(() => writeFileSync(join(view, "x"), "")).toThrow("EROFS");
  }));

const USE: ContainerUse = {
  makeCommonFiles: (root) => {
    mkdirSync(join(root, "etc"), { recursive: true });
    writeFileSync(join(root, "etc/hosts"), "", { flag: "a" });
  },
};

function makeBase(snapshots: Snapshotter): string {
  snapshots.prepare("extract");
  const base = snapshots.layerDirectory("extract");
  mkdirSync(join(base, "etc"), { mode: 0o711 });
  snapshots.commit("extract", "base", 0);
  return base;
}

test("what all containers have is in one layer for an image; each sees it and may change its own", () =>
  withSnapshotter(async (snapshots) => {
    const base = makeBase(snapshots);
    snapshots.prepare("one", "base");
    snapshots.prepare("two", "base");
    const [one, two] = await Promise.all(
      ["one", "two"].map((key) => snapshots.mount(key, undefined, USE)),
    );
    snapshots.prepare("three", "base");
    const three = await snapshots.mount("three", undefined, USE);
    for (const root of [one ?? "", two ?? "", three]) {
      expect(readdirSync(join(root, "etc"))).toEqual(["hosts"]);
      expect(statSync(join(root, "etc")).mode & 0o7777).toBe(0o711);
    }
    expect(readdirSync(snapshots.layerDirectory("three"))).toEqual([]);
    expect(readdirSync(base)).toEqual(["etc"]);
    expect(readdirSync(join(base, "etc"))).toEqual([]);
    rmSync(join(three, "etc"), { recursive: true });
    writeFileSync(join(one ?? "", "etc/hosts"), "mine");
    expect(readFileSync(join(two ?? "", "etc/hosts"), "utf8")).toBe("");
    snapshots.unmount("three");
    expect(existsSync(join(await snapshots.mount("three", undefined, USE), "etc"))).toBe(false);
    snapshots.prepare("step", "base");
    expect(readdirSync(join(await snapshots.mount("step"), "etc"))).toEqual([]);
  }));

test("a container that has files keeps its layer; a failure leaves one that can be mounted", () =>
  withSnapshotter(async (snapshots) => {
    const base = makeBase(snapshots);
    snapshots.prepare("old", "base");
    writeFileSync(join(snapshots.layerDirectory("old"), "mine"), "");
    await snapshots.mount("old", undefined, USE);
    expect(readdirSync(snapshots.layerDirectory("old"))).toEqual(["mine"]);
    snapshots.prepare("failing", "base");
    const makeCommonFiles = (): void => {
      throw new Error("no space");
    };
    const failed = snapshots.mount("failing", undefined, { makeCommonFiles });
    expect(await failed.catch((error: unknown) => String(error))).toBe("Error: no space");
    expect(existsSync(join(base, "../common"))).toBe(false);
    const root = await snapshots.mount("failing", undefined, USE);
    expect(readdirSync(join(root, "etc"))).toEqual(["hosts"]);
    expect(existsSync(join(base, "../common"))).toBe(true);
  }));

test("reconcile() makes the layer of a container whose own became the common one", () =>
  withSnapshotter(async (snapshots) => {
    makeBase(snapshots);
    snapshots.prepare("box", "base");
    const root = await snapshots.mount("box", undefined, USE);
    snapshots.unmount("box");
    rmSync(snapshots.layerDirectory("box"), { recursive: true });
    mkdirSync(join(root, "../work.common")); // as a crash before that left it
    await snapshots.reconcile(() => false);
    await snapshots.mount("box", undefined, USE);
    expect(readdirSync(join(root, "etc"))).toEqual(["hosts"]);
    await snapshots.remove("box");
    await snapshots.settled();
    expect(existsSync(join(root, ".."))).toBe(false);
  }));

test("127 layers mount", () =>
  withSnapshotter(async (snapshots) => {
    let parent: string | undefined;
    for (let index = 0; index < 127; index++) {
      snapshots.prepare(`extract-${index}`, parent);
      parent = `layer-${index}`;
      snapshots.commit(`extract-${index}`, parent, 0);
    }
    snapshots.prepare("box", parent);
    writeFileSync(join(await snapshots.mount("box"), "x"), "");
  }));
