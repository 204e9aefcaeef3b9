import { existsSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { ResourceExhaustedError } from "#base/errors.ts";
import type { Mounts, OverlayMount } from "#host/mounts.ts";
import type { SnapshotterOptions } from "#snapshots/driver-options.ts";
import type { OverlayStacker, ScratchUse } from "./stacker.ts";

const MODULE_PARAMETERS = "/sys/module/overlay/parameters";

/** Where the host has overlayfs's extensions switched on, layers would get files of half their contents. */
function extensionsOff(): readonly string[] {
  return ["metacopy", "redirect_dir"].flatMap((name) => {
    const path = join(MODULE_PARAMETERS, name);
    return existsSync(path) && readFileSync(path, "utf8").trim() === "Y" ? [`${name}=off`] : [];
  });
}

/** The kernel's overlayfs. */
export class KernelStacker implements OverlayStacker {
  readonly driver = "overlay2";
  readonly mapsOwners = true;
  readonly unmountsAtOnce = true;
  readonly noSizeMessage =
    "--storage-opt is supported only for overlay over xfs with 'pquota' mount option";
  readonly #files: SnapshotterOptions["files"];
  readonly #mounts: Mounts;
  readonly #mountOptions = extensionsOff();
  /** Since Linux 5.10. */
  #hasVolatile = true;

  constructor({ mounts, files }: SnapshotterOptions) {
    this.#mounts = mounts;
    this.#files = files;
  }

  status(directory: string): readonly (readonly [name: string, value: string])[] {
    return [
      ["Backing Filesystem", this.#files.fileSystemName(directory)],
      ["Supports d_type", "true"],
      ["Using metacopy", "false"],
      ["Native Overlay Diff", "true"],
      ["userxattr", "false"],
    ];
  }

  async isMounted(target: string): Promise<boolean> {
    const found = statSync(target, { throwIfNoEntry: false });
    return found !== undefined && found.dev !== statSync(join(target, "..")).dev;
  }

  async mount({ isScratch = false, ...mount }: OverlayMount & ScratchUse): Promise<void> {
    if (isScratch && this.#hasVolatile) this.#mountVolatile(mount);
    else this.#mounts.mountOverlay({ ...mount, options: this.#mountOptions });
    // Without space for its own folder overlayfs mounts all the same, read-only, and says so in dmesg alone.
    if (mount.workDir === undefined || existsSync(join(mount.workDir, "work"))) return;
    this.#mounts.unmount(mount.target, { lazy: true });
    const error = new ResourceExhaustedError(
      `Cannot mount overlay on "${mount.target}": it would be read-only, as its work folder cannot be made`,
    );
    throw Object.assign(error, { code: "EROFS", path: mount.workDir });
  }

  /** Unmounting any other mount first writes the file system's dirty pages, and on the JS thread. */
  #mountVolatile(mount: OverlayMount): void {
    // Left by a mount before, lest its files are trusted after a power cut: this engine has seen none.
    if (mount.workDir !== undefined) {
      rmSync(join(mount.workDir, "work/incompat"), { recursive: true, force: true });
    }
    try {
      this.#mounts.mountOverlay({ ...mount, options: [...this.#mountOptions, "volatile"] });
    } catch {
      // says why where it is not for the option
      this.#mounts.mountOverlay({ ...mount, options: this.#mountOptions });
      this.#hasVolatile = false;
    }
  }
}
