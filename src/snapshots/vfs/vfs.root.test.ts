import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { diskFaultOf } from "#base/disk-fault.ts";
import { snapshotterContract } from "#snapshots/testing/contract.ts";
import { linuxSnapshotterOptions } from "#snapshots/testing/linux-options.ts";
import { MemoryStore } from "#store/memory/store.ts";
import { openVfsSnapshotter } from "./vfs.ts";

snapshotterContract("vfs", (root, store) =>
  openVfsSnapshotter(linuxSnapshotterOptions(root, store)),
);

test("a copy for which there is no space leaves nothing, and is made when there is", async () => {
  const root = mkdtempSync(join(tmpdir(), "wharf-vfs-"));
  const options = linuxSnapshotterOptions(root, new MemoryStore());
  options.mounts.tmpfs({ target: root, sizeBytes: 4 * 1024 * 1024 });
  try {
    const snapshots = openVfsSnapshotter(options);
    snapshots.prepare("extract");
    await snapshots.fill("extract");
    writeFileSync(join(snapshots.layerDirectory("extract"), "half"), Buffer.alloc(1_500_000));
    snapshots.commit("extract", "base", 0);
    writeFileSync(join(root, "filler"), Buffer.alloc(2_000_000));
    snapshots.prepare("box", "base");
    const refusal = await snapshots.mount("box").catch((error: unknown) => error);
    expect(diskFaultOf(refusal)?.code).toBe("ENOSPC");
    expect(String(refusal)).toContain("No space left on device");
    rmSync(join(root, "filler"));
    expect(readdirSync(await snapshots.mount("box"))).toEqual(["half"]);
    await snapshots.settled();
  } finally {
    options.mounts.unmount(root, { lazy: true });
    rmSync(root, { recursive: true });
  }
});
