import { dirname } from "node:path";
import { InvalidArgumentError, ResourceExhaustedError } from "#base/errors.ts";
import type { OverlayMount } from "#host/mounts.ts";
import { errnos, systemError } from "#host/linux/ffi/errno.ts";
import { cString, type Libc } from "#host/linux/ffi/libc.ts";
import { type FsRefusal, type FsSetting, mountConfigured } from "#host/linux/ffi/mount-api.ts";
import type { JsThread } from "#host/linux/thread.ts";

/** OVL_MAX_STACK of the kernel. */
const MOST_LOWER_DIRS = 500;
/** mount(2) takes one page of options, the closing zero included. */
const PAGE_BYTES = 4096;

/**
 * Mounts overlayfs in one of two ways. Since Linux 6.7 `lowerdir+` adds layers one by one with no limit
 * but the kernel's 500. Before that all paths share one page, so a long list is given relative to the
 * deepest folder that holds them all, with the thread's working directory there for the call.
 */
export class OverlayMounter {
  readonly #libc: Libc;
  readonly #thread: JsThread;
  #kernelAddsLayers: boolean;

  constructor(options: {
    readonly libc: Libc;
    readonly thread: JsThread;
    /** False goes the way of older kernels from the start. */
    readonly kernelAddsLayers?: boolean;
  }) {
    this.#libc = options.libc;
    this.#thread = options.thread;
    this.#kernelAddsLayers = options.kernelAddsLayers ?? true;
  }

  mount(mount: OverlayMount): void {
    const { lowerDirs, target } = mount;
    if (lowerDirs.length < 1 || lowerDirs.length > MOST_LOWER_DIRS) {
      throw new InvalidArgumentError(
        `Cannot mount overlay on "${target}": ${lowerDirs.length} lower folders, want 1 to ${MOST_LOWER_DIRS}`,
      );
    }
    if (this.#kernelAddsLayers) {
      const refusal = mountConfigured(this.#libc, "overlay", layerSettings(mount), target);
      if (refusal === undefined) return;
      if (!mayBeUnknown(refusal)) {
        throw systemError(attemptOf(mount), refusal.errno, refusal.detail || undefined);
      }
    }
    this.#mountAtOnce(mount);
    this.#kernelAddsLayers = false;
  }

  #mountAtOnce(mount: OverlayMount): void {
    const absolute = overlayData(mount, (path) => path);
    if (fitsPage(absolute)) return this.#mountData(mount, absolute);
    const common = commonFolder(mount.lowerDirs);
    const relative = overlayData(mount, (path) => relativePath(common, path));
    if (!fitsPage(relative)) {
      throw new ResourceExhaustedError(
        `${attemptOf(mount)}: ${mount.lowerDirs.length} lower folders do not fit the ` +
          `${PAGE_BYTES} bytes of options that this kernel takes`,
      );
    }
    this.#thread.inDirectory(common, () => this.#mountData(mount, relative));
  }

  #mountData(mount: OverlayMount, data: string): void {
    const { call } = this.#libc;
    const type = cString("overlay");
    if (call.mount(type, cString(mount.target), type, 0, cString(data)) !== 0) {
      throw systemError(attemptOf(mount), this.#libc.errno());
    }
  }
}

function attemptOf(mount: OverlayMount): string {
  return `Cannot mount overlay on "${mount.target}"`;
}

/**
 * Whether a kernel that does not know `lowerdir+` would say this: before 5.2 no such call, up to 6.4 a
 * bare EINVAL at the end, then EINVAL at the key.
 */
function mayBeUnknown(refusal: FsRefusal): boolean {
  if (refusal.errno === errnos.ENOSYS) return true;
  if (refusal.errno !== errnos.EINVAL) return false;
  return refusal.key === "lowerdir+" || refusal.detail === "";
}

function layerSettings(mount: OverlayMount): FsSetting[] {
  const settings: FsSetting[] = [{ key: "source", value: "overlay" }];
  for (const value of mount.lowerDirs) settings.push({ key: "lowerdir+", value, isPath: true });
  if (mount.upperDir !== undefined) {
    settings.push({ key: "upperdir", value: mount.upperDir, isPath: true });
  }
  if (mount.workDir !== undefined) {
    settings.push({ key: "workdir", value: mount.workDir, isPath: true });
  }
  for (const option of mount.options ?? []) {
    const equals = option.indexOf("=");
    if (equals < 0) settings.push({ key: option });
    else settings.push({ key: option.slice(0, equals), value: option.slice(equals + 1) });
  }
  return settings;
}

/** Options for mount(2), each path written as `write` says. */
function overlayData(mount: OverlayMount, write: (path: string) => string): string {
  const escaped = (path: string): string => write(path).replace(/[\\,:]/g, "\\$&");
  const parts = [`lowerdir=${mount.lowerDirs.map(escaped).join(":")}`];
  if (mount.upperDir !== undefined) parts.push(`upperdir=${escaped(mount.upperDir)}`);
  if (mount.workDir !== undefined) parts.push(`workdir=${escaped(mount.workDir)}`);
  return [...parts, ...(mount.options ?? [])].join(",");
}

function fitsPage(data: string): boolean {
  return Buffer.byteLength(data) < PAGE_BYTES;
}

/** The deepest folder that holds all `paths`. */
function commonFolder(paths: readonly string[]): string {
  let common = dirname(paths[0] ?? "/");
  for (const path of paths) {
    while (common !== "/" && !path.startsWith(`${common}/`)) common = dirname(common);
  }
  return common;
}

function relativePath(folder: string, path: string): string {
  const prefix = folder === "/" ? "/" : `${folder}/`;
  return path.startsWith(prefix) ? path.slice(prefix.length) : path;
}
