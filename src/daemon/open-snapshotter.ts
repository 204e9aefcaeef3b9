import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "#base/errors.ts";
import type { Files } from "#host/files.ts";
import type { Host } from "#host/host.ts";
import { openBtrfsSnapshotter } from "#snapshots/btrfs/btrfs.ts";
import { chooseDriver, SNAPSHOT_DRIVERS, type SnapshotDriver } from "#snapshots/choose-driver.ts";
import type { SnapshotterOptions } from "#snapshots/driver-options.ts";
import { openFuseOverlaySnapshotter } from "#snapshots/fuse-overlayfs/fuse-overlayfs.ts";
import { openOverlaySnapshotter } from "#snapshots/overlay/overlay-snapshotter.ts";
import type { Snapshotter } from "#snapshots/snapshotter.ts";
import { parseStorageOptions } from "#snapshots/storage-options.ts";
import { openVfsSnapshotter } from "#snapshots/vfs/vfs.ts";
import type { RandomBytes } from "#spec/ids.ts";
import type { Store } from "#store/store.ts";
import type { EngineConfig } from "./config/engine-config.ts";
import type { Logger } from "./logger.ts";
import { findExecutable } from "./preflight.ts";

const FUSE_DEVICE = "/dev/fuse";

/** Drivers whose folders in the data root hold layers. */
function priorDrivers(dataRoot: string): readonly SnapshotDriver[] {
  return SNAPSHOT_DRIVERS.filter((driver) => {
    const folder = join(dataRoot, driver);
    return existsSync(folder) && readdirSync(folder).some((name) => !name.startsWith("."));
  });
}

/**
 * Opens the storage driver that is asked for, or that fits.
 *
 * @returns With a sentence for each driver that was passed over and each option without effect.
 */
export function openSnapshotter(
  config: EngineConfig,
  parts: {
    readonly host: Host;
    /** Which measure off the event loop. */
    readonly files: Files;
    readonly store: Store;
    readonly logger: Logger;
    readonly randomBytes: RandomBytes;
  },
): { readonly snapshotter: Snapshotter; readonly warnings: readonly string[] } {
  const { host, files, store, logger, randomBytes } = parts;
  const { dataRoot, storageDriver } = config;
  const fuseOverlayfs = findExecutable(["fuse-overlayfs"], process.env["PATH"]);
  const fileSystem = host.files.fileSystemName(dataRoot);
  const prior = priorDrivers(dataRoot);
  const refusalOf = (driver: SnapshotDriver): string | undefined => {
    switch (driver) {
      case "overlay2":
        // Where it has worked it is not tried again: on a full disk the trial itself would fail.
        return prior.includes("overlay2") || host.files.supportsOverlay(dataRoot)
          ? undefined
          : `overlayfs refuses its file system (${fileSystem}); ext4, xfs and btrfs will do`;
      case "fuse-overlayfs":
        if (fuseOverlayfs === undefined) return "fuse-overlayfs is not installed";
        return existsSync(FUSE_DEVICE) ? undefined : `${FUSE_DEVICE} is missing`;
      case "btrfs":
        return fileSystem === "btrfs" ? undefined : `its file system is ${fileSystem}`;
      case "vfs":
        return undefined;
    }
  };
  const { driver, passedOver } = chooseDriver({
    dataRoot,
    prior,
    refusalOf,
    ...(storageDriver === undefined ? {} : { asked: storageDriver }),
  });
  const { minSpaceBytes, warnings } = parseStorageOptions(driver, config.storageOptions);
  const options: SnapshotterOptions = {
    root: dataRoot,
    store,
    mounts: host.mounts,
    files,
    processes: host.processes,
    clock: host.clock,
    randomBytes,
    onTrashFailure: (path, error) =>
      logger.warn("Cannot delete a removed layer", { path, error: messageOf(error) }),
  };
  const open = (): Snapshotter => {
    switch (driver) {
      case "overlay2":
        return openOverlaySnapshotter(options);
      case "fuse-overlayfs":
        return openFuseOverlaySnapshotter({ ...options, executable: fuseOverlayfs ?? "" });
      case "btrfs":
        return openBtrfsSnapshotter({ ...options, subvolumes: host.subvolumes, minSpaceBytes });
      case "vfs":
        return openVfsSnapshotter(options);
    }
  };
  const slow =
    driver === "vfs" && passedOver.length > 0
      ? [`${VFS_CHOSEN} ${passedOver.join("; ")}`]
      : passedOver;
  return { snapshotter: open(), warnings: [...slow, ...warnings] };
}

const VFS_CHOSEN =
  "Storage driver vfs copies every layer in full: slow, and large, but it works everywhere.";
