import { describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { snapshotterContract } from "#snapshots/testing/contract.ts";
import { linuxSnapshotterOptions } from "#snapshots/testing/linux-options.ts";
import type { Snapshotter } from "#snapshots/snapshotter.ts";
import { MemoryStore } from "#store/memory/store.ts";
import type { Store } from "#store/store.ts";
import { openFuseOverlaySnapshotter } from "./fuse-overlayfs.ts";

const executable = Bun.which("fuse-overlayfs");
const canRun = executable !== null && existsSync("/dev/fuse");

function open(root: string, store: Store): Snapshotter {
  return openFuseOverlaySnapshotter({
    ...linuxSnapshotterOptions(root, store),
    executable: executable ?? "",
  });
}

function pidsNaming(path: string): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(path);
      } catch {
        return false; // ended meanwhile
      }
    })
    .map(Number)
    .filter((pid) => pid !== process.pid);
}

describe.skipIf(!canRun)("with fuse-overlayfs and /dev/fuse here", () => {
  snapshotterContract("fuse-overlayfs", open);

  test("a mount whose process was killed is made anew, and its process ends with it", async () => {
    const root = mkdtempSync(join(tmpdir(), "wharf-fuse-"));
    const snapshots = open(root, new MemoryStore());
    snapshots.prepare("box");
    const path = await snapshots.mount("box");
    writeFileSync(join(path, "kept"), "");
    for (const pid of pidsNaming(path)) process.kill(pid, "SIGKILL");
    while (pidsNaming(path).length > 0) await Bun.sleep(2);
    expect(readdirSync(await snapshots.mount("box"))).toEqual(["kept"]);
    expect(pidsNaming(path).length).toBe(1);
    snapshots.unmount("box");
    while (pidsNaming(path).length > 0) await Bun.sleep(2);
    await snapshots.remove("box");
    await snapshots.settled();
    rmSync(root, { recursive: true });
  });

  test("a data root that its options cannot name is refused", () => {
    expect(() => open("/tmp/a:b", new MemoryStore())).toThrow("its path holds one of");
  });
});

test.skipIf(canRun)("is not tested here: fuse-overlayfs or /dev/fuse is missing", () => {});
