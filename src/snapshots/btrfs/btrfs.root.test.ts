import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openLibc } from "#host/linux/ffi/libc.ts";
import { LinuxSubvolumes } from "#host/linux/mounts/subvolumes.ts";
import { snapshotterContract } from "#snapshots/testing/contract.ts";
import { linuxSnapshotterOptions } from "#snapshots/testing/linux-options.ts";
import type { Snapshotter } from "#snapshots/snapshotter.ts";
import { MemoryStore } from "#store/memory/store.ts";
import type { Store } from "#store/store.ts";
import { openBtrfsSnapshotter } from "./btrfs.ts";

const canMake =
  Bun.which("mkfs.btrfs") !== null && readFileSync("/proc/filesystems", "utf8").includes("btrfs");
const subvolumes = new LinuxSubvolumes({ libc: openLibc() });
const MIB = 1024 * 1024;
let folder = "";
const place = (): string => join(folder, "mounted");

function open(root: string, store: Store): Snapshotter {
  return openBtrfsSnapshotter({
    ...linuxSnapshotterOptions(root, store),
    subvolumes,
    minSpaceBytes: MIB,
  });
}

describe.skipIf(!canMake)("with mkfs.btrfs and a kernel that has btrfs", () => {
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "wharf-btrfs-"));
    writeFileSync(join(folder, "image"), "");
    truncateSync(join(folder, "image"), 256 * MIB);
    mkdirSync(place());
    const made = Bun.spawnSync(["mkfs.btrfs", "-q", join(folder, "image")]);
    if (!made.success) throw new Error(made.stderr.toString());
    const mounted = Bun.spawnSync(["mount", "-o", "loop", join(folder, "image"), place()]);
    if (!mounted.success) throw new Error(mounted.stderr.toString());
  });
  afterAll(() => {
    Bun.spawnSync(["umount", place()]);
    rmSync(folder, { recursive: true });
  });

  snapshotterContract("btrfs", open, place);

  test("a size bounds what a container writes; the next one is not bound by it", async () => {
    const root = mkdtempSync(join(place(), "limited-"));
    const snapshots = open(root, new MemoryStore());
    expect(() => snapshots.parseStorageOptions({ size: "1k" })).toThrow(
      "cannot be less than 1048576",
    );
    expect(() => snapshots.parseStorageOptions({ size: "much" })).toThrow("invalid size");
    snapshots.prepare("box", undefined, snapshots.parseStorageOptions({ size: "4m" }));
    const path = await snapshots.mount("box");
    writeFileSync(join(path, "fits"), Buffer.alloc(2 * MIB, 1));
    expect(() => writeFileSync(join(path, "large"), Buffer.alloc(4 * MIB, 1))).toThrow("EDQUOT");
    snapshots.prepare("other");
    writeFileSync(join(await snapshots.mount("other"), "large"), Buffer.alloc(6 * MIB, 1));
    await snapshots.remove("box");
    await snapshots.remove("other");
    await snapshots.settled();
    expect(readdirSync(join(root, "btrfs", ".trash"))).toEqual([]);
  });

  test("a subvolume that a container made goes with it", async () => {
    const root = mkdtempSync(join(place(), "nested-"));
    const snapshots = open(root, new MemoryStore());
    snapshots.prepare("box");
    const path = await snapshots.mount("box");
    subvolumes.create(join(path, "own"));
    writeFileSync(join(path, "own", "file"), "");
    await snapshots.remove("box");
    await snapshots.settled();
    expect(readdirSync(join(root, "btrfs"))).toEqual([".trash"]);
    expect(readdirSync(join(root, "btrfs", ".trash"))).toEqual([]);
  });
});

test.skipIf(canMake)("is not tested here: mkfs.btrfs or the kernel's btrfs is missing", () => {});
