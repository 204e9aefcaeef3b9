import { close, readFileSync } from "node:fs";
import { promisify } from "node:util";
import { UnsupportedError } from "#base/errors.ts";
import type { MountInfo, Mounts, OverlayMount, Propagation } from "#host/mounts.ts";
import { errnos, systemError } from "#host/linux/ffi/errno.ts";
import { cString, type Libc, O_CLOEXEC, O_PATH } from "#host/linux/ffi/libc.ts";
import { bindWithMapping, setReadOnly } from "#host/linux/ffi/mount-api.ts";
import {
  MS_BIND,
  MS_RDONLY,
  MS_REC,
  MS_REMOUNT,
  parseMountOptions,
  propagationFlags,
} from "./mount-flags.ts";
import { parseMountInfo } from "./mountinfo.ts";
import { OverlayMounter } from "./overlay.ts";
import { type JsThread, openDescriptor } from "#host/linux/thread.ts";

/** close(2) on one of Bun's I/O threads. */
const closeAside = promisify(close);

const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;
/** Flags of a mount that a remount must repeat or lose. */
const KEPT_OPTIONS = ["nosuid", "nodev", "noexec", "noatime", "nodiratime", "relatime"];

export class LinuxMounts implements Mounts {
  readonly #libc: Libc;
  readonly #overlay: OverlayMounter;

  constructor(options: { readonly libc: Libc; readonly thread: JsThread }) {
    this.#libc = options.libc;
    this.#overlay = new OverlayMounter(options);
  }

  mountOverlay(mount: OverlayMount): void {
    this.#overlay.mount(mount);
  }

  bind(mount: {
    readonly source: string;
    readonly target: string;
    readonly recursive?: boolean;
    readonly readOnly?: boolean;
    readonly propagation?: Propagation;
  }): void {
    const { source, target, recursive = false, readOnly = false, propagation } = mount;
    const attempt = `Cannot bind "${source}" on "${target}"`;
    this.#call(attempt, source, target, null, MS_BIND | (recursive ? MS_REC : 0), "");
    this.#finish(target, () => {
      if (readOnly) this.#makeReadOnly(attempt, target, recursive);
      if (propagation !== undefined) this.setPropagation(target, propagation);
    });
  }

  bindMapped(mount: {
    readonly source: string;
    readonly target: string;
    readonly recursive?: boolean;
    readonly readOnly?: boolean;
    readonly userNamespacePath: string;
  }): void {
    const { source, target, recursive = false, readOnly = false, userNamespacePath } = mount;
    const attempt = `Cannot bind "${source}" on "${target}" with mapped ids`;
    const namespace = openDescriptor(this.#libc, userNamespacePath, 0);
    try {
      const errno = bindWithMapping(this.#libc, { source, target, recursive, namespace });
      if (errno === errnos.EINVAL || errno === errnos.ENOSYS) {
        throw new UnsupportedError(
          `${attempt}: its file system or this kernel has no id-mapped mounts`,
        );
      }
      if (errno !== 0) throw systemError(attempt, errno);
    } finally {
      this.#libc.call.close(namespace);
    }
    this.#finish(target, () => {
      if (readOnly) this.#makeReadOnly(attempt, target, recursive);
    });
  }

  tmpfs(mount: {
    readonly target: string;
    readonly sizeBytes?: number;
    readonly mode?: number;
    readonly options?: readonly string[];
  }): void {
    const options = [...(mount.options ?? [])];
    if (mount.sizeBytes !== undefined) options.push(`size=${mount.sizeBytes}`);
    if (mount.mode !== undefined) options.push(`mode=${mount.mode.toString(8)}`);
    this.mount({ type: "tmpfs", device: "tmpfs", target: mount.target, options });
  }

  mount(mount: {
    readonly type: string;
    readonly device: string;
    readonly target: string;
    readonly options: readonly string[];
  }): void {
    const { type, device, target } = mount;
    const { flags, data, propagation } = parseMountOptions(mount.options);
    const attempt = `Cannot mount ${type || "none"} "${device}" on "${target}"`;
    this.#call(attempt, device, target, type || null, flags, data);
    const isNewBind = (flags & MS_BIND) !== 0 && (flags & MS_REMOUNT) === 0;
    const restricting = flags & ~(MS_BIND | MS_REC);
    this.#finish(target, () => {
      // mount(2) ignores every flag beside MS_BIND, so restricting a bind takes a second call.
      if (isNewBind && restricting === MS_RDONLY) {
        this.#makeReadOnly(attempt, target, (flags & MS_REC) !== 0);
      } else if (isNewBind && restricting !== 0) {
        this.#remountBind(attempt, target, restricting);
      }
      if (propagation !== undefined) this.setPropagation(target, propagation);
    });
  }

  setPropagation(target: string, propagation: Propagation): void {
    const attempt = `Cannot make mount "${target}" ${propagation}`;
    this.#call(attempt, "none", target, null, propagationFlags(propagation), "");
  }

  unmount(target: string, options: { readonly lazy?: boolean } = {}): boolean {
    const flags = UMOUNT_NOFOLLOW | (options.lazy === true ? MNT_DETACH : 0);
    if (this.#libc.call.umount2(cString(target), flags) === 0) return true;
    const errno = this.#libc.errno();
    if (errno === errnos.EINVAL || errno === errnos.ENOENT) return false;
    throw systemError(`Cannot unmount "${target}"`, errno);
  }

  async detach(target: string): Promise<boolean> {
    // Held by a descriptor, the mount leaves the tree now and is freed by whoever closes that: here a
    // thread of Bun's, which does the writing.
    const fd = this.#libc.call.open(cString(target), O_PATH | O_CLOEXEC, 0);
    if (fd < 0) {
      const errno = this.#libc.errno();
      if (errno === errnos.ENOENT) return false;
      throw systemError(`Cannot unmount "${target}"`, errno);
    }
    try {
      return this.unmount(target, { lazy: true });
    } finally {
      await closeAside(fd);
    }
  }

  list(below?: string): readonly MountInfo[] {
    const mounts = parseMountInfo(readFileSync("/proc/self/mountinfo", "utf8"));
    if (below === undefined || below === "/") return mounts;
    return mounts.filter((m) => m.target === below || m.target.startsWith(`${below}/`));
  }

  #makeReadOnly(attempt: string, target: string, recursive: boolean): void {
    const errno = setReadOnly(this.#libc, target, recursive);
    if (errno === 0) return;
    if (errno !== errnos.ENOSYS) throw systemError(attempt, errno);
    this.#remountBind(attempt, target, MS_RDONLY);
  }

  #remountBind(attempt: string, target: string, flags: number): void {
    const now = this.list(target).findLast((mount) => mount.target === target)?.options ?? [];
    const kept = parseMountOptions(now.filter((option) => KEPT_OPTIONS.includes(option))).flags;
    this.#call(attempt, "none", target, null, MS_REMOUNT | MS_BIND | kept | flags, "");
  }

  /** The steps after the mount itself; a failure takes the mount away again. */
  #finish(target: string, steps: () => void): void {
    try {
      steps();
    } catch (error) {
      this.unmount(target, { lazy: true });
      throw error;
    }
  }

  #call(
    attempt: string,
    source: string,
    target: string,
    type: string | null,
    flags: number,
    data: string,
  ): void {
    const fsType = type === null ? null : cString(type);
    const options = data === "" ? null : cString(data);
    const { call } = this.#libc;
    if (call.mount(cString(source), cString(target), fsType, flags, options) !== 0) {
      throw systemError(attempt, this.#libc.errno());
    }
  }
}
