import { chmodSync, lstatSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { InvalidArgumentError, messageOf } from "#base/errors.ts";
import { parseBinarySize } from "#base/sizes.ts";
import type { Subvolumes } from "#host/subvolumes.ts";
import type { SnapshotterOptions } from "#snapshots/driver-options.ts";
import type { SnapshotLimits, Snapshotter } from "#snapshots/snapshotter.ts";
import { openTreeSnapshotter, type TreeMaker } from "#snapshots/tree-snapshotter.ts";

export interface BtrfsOptions extends SnapshotterOptions {
  readonly subvolumes: Subvolumes;
  /** Least size that a container may be limited to, in bytes: `btrfs.min_space`. */
  readonly minSpaceBytes: number;
}

/** The driver for data roots on btrfs: every snapshot is a subvolume, copied by one system call. */
export function openBtrfsSnapshotter(options: BtrfsOptions): Snapshotter {
  return openTreeSnapshotter(options, new SubvolumeMaker(options));
}

/** Inode of the root folder of every subvolume. */
const SUBVOLUME_ROOT_INODE = 256;

class SubvolumeMaker implements TreeMaker {
  readonly driver = "btrfs";
  readonly status = [["Btrfs", ""]] as const;
  readonly #subvolumes: Subvolumes;
  readonly #minSpaceBytes: number;

  constructor({ subvolumes, minSpaceBytes }: BtrfsOptions) {
    this.#subvolumes = subvolumes;
    this.#minSpaceBytes = minSpaceBytes;
  }

  parseStorageOptions(options: Readonly<Record<string, string>>): SnapshotLimits {
    let limits: SnapshotLimits = {};
    for (const [name, value] of Object.entries(options)) {
      if (name.toLowerCase() !== "size") throw new InvalidArgumentError(`Unknown option ${name}`);
      const sizeBytes = parseSize(value);
      if (sizeBytes <= 0 || sizeBytes < this.#minSpaceBytes) {
        throw new InvalidArgumentError(
          `btrfs: storage size cannot be less than ${this.#minSpaceBytes}`,
        );
      }
      limits = { sizeBytes };
    }
    return limits;
  }

  async make(target: string, source: string | undefined, limits: SnapshotLimits): Promise<void> {
    if (source === undefined) {
      this.#subvolumes.create(target);
      chmodSync(target, 0o755);
    } else this.#subvolumes.snapshot(source, target);
    if (limits.sizeBytes !== undefined) this.#subvolumes.limit(target, limits.sizeBytes);
  }

  async remove(target: string): Promise<void> {
    for (const path of [target, join(target, "tree"), join(target, "new")]) {
      if (!isSubvolume(path)) continue;
      try {
        this.#subvolumes.remove(path);
      } catch {
        // One that a container made subvolumes in: emptied below, which deletes these one by one.
      }
    }
    await rm(target, { recursive: true, force: true });
  }
}

function parseSize(text: string): number {
  try {
    return parseBinarySize(text);
  } catch (cause) {
    throw new InvalidArgumentError(messageOf(cause), { cause });
  }
}

function isSubvolume(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found !== undefined && found.isDirectory() && found.ino === SUBVOLUME_ROOT_INODE;
}
