import { mkdirSync, chmodSync } from "node:fs";
import { rm } from "node:fs/promises";
import { markDiskFault } from "#base/disk-fault.ts";
import { FailedPreconditionError, InvalidArgumentError, UnsupportedError } from "#base/errors.ts";
import type { SnapshotterOptions } from "#snapshots/driver-options.ts";
import type { SnapshotLimits, Snapshotter } from "#snapshots/snapshotter.ts";
import { openTreeSnapshotter, type TreeMaker } from "#snapshots/tree-snapshotter.ts";

/**
 * The driver for file systems that overlayfs refuses: every snapshot is a full copy of its parent, which
 * takes time and space, little of both where the file system shares blocks (reflinks: xfs, btrfs).
 */
export function openVfsSnapshotter(options: SnapshotterOptions): Snapshotter {
  return openTreeSnapshotter(options, new CopyingMaker(options));
}

class CopyingMaker implements TreeMaker {
  readonly driver = "vfs";
  readonly status: [] = [];
  readonly #processes: SnapshotterOptions["processes"];

  constructor({ processes }: SnapshotterOptions) {
    this.#processes = processes;
  }

  parseStorageOptions(options: Readonly<Record<string, string>>): SnapshotLimits {
    const [name] = Object.keys(options);
    if (name === undefined) return {};
    if (name.toLowerCase() !== "size") throw new InvalidArgumentError(`unknown option ${name}`);
    throw new UnsupportedError("Filesystem does not support, or has not enabled quotas");
  }

  async make(target: string, source: string | undefined): Promise<void> {
    if (source === undefined) {
      mkdirSync(target);
      chmodSync(target, 0o755);
      return;
    }
    const { code, stderr } = await this.#processes.run({
      argv: ["/bin/cp", "-a", "-T", "--reflink=auto", "--", source, target],
      env: { LC_ALL: "C" },
    });
    if (code === 0) return;
    const reason = stderr.trim().split("\n")[0] ?? "";
    const message = `Cannot copy the layers below: ${reason}`;
    throw markDiskFault(new FailedPreconditionError(message), reason);
  }

  async remove(target: string): Promise<void> {
    await rm(target, { recursive: true, force: true });
  }
}
