import { stat } from "node:fs/promises";
import { FailedPreconditionError, InvalidArgumentError } from "#base/errors.ts";
import type { OverlayMount } from "#host/mounts.ts";
import type { SnapshotterOptions } from "#snapshots/driver-options.ts";
import { openStackingSnapshotter } from "#snapshots/overlay/overlay-snapshotter.ts";
import type { OverlayStacker } from "#snapshots/overlay/stacker.ts";
import type { Snapshotter } from "#snapshots/snapshotter.ts";

export interface FuseOverlayOptions extends SnapshotterOptions {
  /** Absolute path of `fuse-overlayfs`. */
  readonly executable: string;
}

/**
 * The driver for hosts whose kernel stacks no layers on this file system: a process for each mount does.
 * It belongs to the mount, not to the daemon: it ends when the mount is gone, outlives a daemon that is
 * killed, and is found again in the mount table.
 *
 * @throws {InvalidArgumentError} A data root whose path the program's options cannot hold.
 */
export function openFuseOverlaySnapshotter(options: FuseOverlayOptions): Snapshotter {
  if (/[:,\\]/.test(options.root)) {
    throw new InvalidArgumentError(
      `Cannot use storage driver fuse-overlayfs below ${options.root}: its path holds one of : , \\`,
    );
  }
  return openStackingSnapshotter(options, new ProcessStacker(options));
}

class ProcessStacker implements OverlayStacker {
  readonly driver = "fuse-overlayfs";
  readonly mapsOwners = false;
  readonly unmountsAtOnce = false;
  readonly noSizeMessage = "--storage-opt is not supported";
  readonly #options: FuseOverlayOptions;

  constructor(options: FuseOverlayOptions) {
    this.#options = options;
  }

  status(directory: string): readonly (readonly [name: string, value: string])[] {
    return [["Backing Filesystem", this.#options.files.fileSystemName(directory)]];
  }

  async isMounted(target: string): Promise<boolean> {
    const { mounts } = this.#options;
    if (mounts.list(target).length === 0) return false;
    try {
      await stat(target);
      return true;
    } catch (error) {
      // its process was killed
      if (!(error instanceof Error && "code" in error && error.code === "ENOTCONN")) throw error;
      mounts.unmount(target, { lazy: true });
      return false;
    }
  }

  async mount({ target, lowerDirs, upperDir, workDir }: OverlayMount): Promise<void> {
    const settings = [
      `lowerdir=${lowerDirs.join(":")}`,
      ...(upperDir === undefined ? [] : [`upperdir=${upperDir}`]),
      ...(workDir === undefined ? [] : [`workdir=${workDir}`]),
      // a mount of root's is without these two unless it asks for them
      "suid",
      "dev",
      ...(upperDir === undefined ? ["ro"] : []),
    ];
    // It ends when its child has mounted, so there is nothing to wait for afterwards.
    const { code, stderr } = await this.#options.processes.run({
      argv: [this.#options.executable, "-o", settings.join(","), target],
      env: { LC_ALL: "C" },
    });
    if (code === 0) return;
    throw new FailedPreconditionError(
      `Cannot mount fuse-overlayfs on "${target}": ${stderr.trim() || `it ended with ${code}`}`,
    );
  }
}
