import { expect, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Snapshotter } from "#snapshots/snapshotter.ts";
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
