import { closeSync, fsyncSync, openSync, statfsSync } from "node:fs";
import { InternalError } from "#base/errors.ts";
import type { DiskUsage, Files } from "#host/files.ts";
import type { Mounts } from "#host/mounts.ts";
import { ChangeWatch } from "./change-watch.ts";
import { watchDirectory } from "./directory-watch.ts";
import { readDiskUsage } from "./disk-usage.ts";
import { errnoOf, systemError } from "./ffi/errno.ts";
import type { Libc } from "./ffi/libc.ts";
import { lockFile } from "./file-lock.ts";
import { fileSystemNameOf } from "./mounts/file-system-names.ts";
import { probeOverlay } from "./mounts/overlay-probe.ts";

/** linux/fs.h */
const FS_IOC_GETFLAGS = 0x80086601n;
const FS_IOC_SETFLAGS = 0x40086602n;
const FS_TOPDIR_FL = 0x00020000;
const EXT_NAME = "extfs";

export class LinuxFiles implements Files, Disposable {
  readonly #libc: Libc;
  readonly #mounts: Mounts;
  readonly #changes: ChangeWatch;

  constructor(options: { readonly libc: Libc; readonly mounts: Mounts }) {
    this.#libc = options.libc;
    this.#changes = new ChangeWatch(options.libc);
    this.#mounts = options.mounts;
  }

  [Symbol.dispose](): void {
    this.#changes[Symbol.dispose]();
  }

  lock(path: string): Disposable | undefined {
    return translated(`Cannot lock "${path}"`, () => lockFile(this.#libc, path));
  }

  supportsOverlay(path: string): boolean {
    return probeOverlay(this.#mounts, path);
  }

  fileSystemName(path: string): string {
    return translated(`Cannot read the file system of "${path}"`, () =>
      fileSystemNameOf(statfsSync(path).type),
    );
  }

  watchDirectory(
    directory: string,
    onName: (name: string) => void,
    onLost: () => void = () => {},
  ): Disposable {
    return watchDirectory(this.#libc, directory, onName, onLost);
  }

  onceChanged(path: string, onChange: () => void): Disposable {
    return this.#changes.onceChanged(path, onChange);
  }

  async diskUsage(path: string): Promise<DiskUsage> {
    const usage = await this.quickDiskUsage(path, Infinity);
    if (!usage) throw new InternalError(`The tree "${path}" has no end`);
    return usage;
  }

  async quickDiskUsage(path: string, maxInodes: number): Promise<DiskUsage | undefined> {
    try {
      return await readDiskUsage(path, maxInodes);
    } catch (error) {
      throw translate(`Cannot read the disk usage of "${path}"`, error);
    }
  }

  spreadFolders(path: string): boolean {
    // elsewhere the number may mean another flag
    if (this.fileSystemName(path) !== EXT_NAME) return false;
    return translated(`Cannot set the flags of folder "${path}"`, () => {
      const fd = openSync(path, "r");
      try {
        const flags = new Uint32Array(2);
        const { ioctl } = this.#libc.call;
        if (ioctl(fd, FS_IOC_GETFLAGS, flags) !== 0) return false;
        const wanted = (flags[0] ?? 0) | FS_TOPDIR_FL;
        return ioctl(fd, FS_IOC_SETFLAGS, new Uint32Array([wanted, 0])) === 0;
      } finally {
        closeSync(fd);
      }
    });
  }

  syncDirectory(path: string): void {
    translated(`Cannot sync folder "${path}"`, () => {
      const fd = openSync(path, "r");
      try {
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
    });
  }
}

function translated<T>(attempt: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw translate(attempt, error);
  }
}

function translate(attempt: string, error: unknown): unknown {
  const errno = errnoOf(error);
  return errno === undefined ? error : systemError(attempt, errno);
}
