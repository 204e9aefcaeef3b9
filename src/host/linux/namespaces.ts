import { statSync, unlinkSync } from "node:fs";
import type { IdMappings } from "#base/id-mappings.ts";
import type { Namespaces, UserNamespace } from "#host/namespaces.ts";
import type { Processes } from "#host/processes.ts";
import { errnoOf, errnos, systemError } from "./ffi/errno.ts";
import { cString, type Libc, O_CLOEXEC } from "./ffi/libc.ts";
import { OwnedDescriptor } from "./sockets/owned-descriptor.ts";
import { type JsThread, openDescriptor } from "./thread.ts";
import { startInUserNamespace } from "./processes/user-namespace-process.ts";

const O_CREAT_EXCL = 0o300;
const MS_BIND = 0x1000;
const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;
const AF_INET = 2;
const SOCK_DGRAM = 2;
const SIOCSIFFLAGS = 0x8914;
const IFF_UP_RUNNING = 0x41;

export class LinuxNamespaces implements Namespaces {
  readonly #libc: Libc;
  readonly #thread: JsThread;
  readonly #processes: Pick<Processes, "spawn">;

  constructor(options: {
    readonly libc: Libc;
    readonly thread: JsThread;
    readonly processes: Pick<Processes, "spawn">;
  }) {
    this.#libc = options.libc;
    this.#thread = options.thread;
    this.#processes = options.processes;
  }

  createNetwork(path: string): void {
    const attempt = `Cannot make network namespace "${path}"`;
    this.#pin(attempt, path, () => {
      this.#thread.inNewNetwork(() => {
        this.#setLoopbackUp(attempt);
        this.#bindPin(attempt, "/proc/thread-self/ns/net", path);
      });
    });
  }

  async openUser(
    mappings: IdMappings,
    options: { readonly networkPath?: string; readonly joinedPath?: string } = {},
  ): Promise<UserNamespace> {
    const { networkPath, joinedPath } = options;
    await using holder = await startInUserNamespace(this.#processes, mappings, {
      withNetwork: networkPath !== undefined,
      joinedPath,
    });
    const fd = openDescriptor(this.#libc, `${holder.folder}/ns/user`, 0);
    const descriptor = new OwnedDescriptor(this.#libc, fd, "a user namespace");
    const namespace = {
      path: `/proc/${process.pid}/fd/${fd}`,
      [Symbol.dispose]: () => descriptor[Symbol.dispose](),
    };
    if (networkPath === undefined) return namespace;
    try {
      const attempt = `Cannot make network namespace "${networkPath}"`;
      this.#pin(attempt, networkPath, () => {
        this.#bindPin(attempt, `${holder.folder}/ns/net`, networkPath);
        this.#thread.inNetwork(networkPath, () => this.#setLoopbackUp(attempt));
      });
    } catch (error) {
      namespace[Symbol.dispose]();
      throw error;
    }
    return namespace;
  }

  removeNetwork(path: string): boolean {
    const attempt = `Cannot remove network namespace "${path}"`;
    const target = cString(path);
    for (;;) {
      const isPinned = this.#libc.call.umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW) === 0;
      const errno = isPinned ? 0 : this.#libc.errno();
      if (errno === errnos.ENOENT) return false;
      if (!isPinned && errno !== errnos.EINVAL) throw systemError(attempt, errno);
      try {
        unlinkSync(path);
        return true;
      } catch (error) {
        // One name may have been pinned twice by a crash between two engines: off with all layers.
        if (!isPinned || errnoOf(error) !== errnos.EBUSY) throw error;
      }
    }
  }

  inNetwork<T>(path: string, work: () => T): T {
    return this.#thread.inNetwork(path, work);
  }

  inodeOf(path: string): number {
    try {
      return statSync(path).ino;
    } catch (error) {
      throw systemError(`Cannot read namespace "${path}"`, errnoOf(error) ?? errnos.EIO);
    }
  }

  /** Makes the file that `bind` mounts a namespace on; without either when that fails. */
  #pin(attempt: string, path: string, bind: () => void): void {
    const fd = this.#libc.call.open(cString(path), O_CREAT_EXCL | O_CLOEXEC, 0o444);
    if (fd < 0) throw systemError(attempt, this.#libc.errno());
    this.#libc.call.close(fd);
    try {
      bind();
    } catch (error) {
      this.#libc.call.umount2(cString(path), MNT_DETACH | UMOUNT_NOFOLLOW);
      unlinkSync(path);
      throw error;
    }
  }

  #bindPin(attempt: string, source: string, path: string): void {
    if (this.#libc.call.mount(cString(source), cString(path), null, MS_BIND, null) !== 0) {
      throw systemError(attempt, this.#libc.errno());
    }
  }

  #setLoopbackUp(attempt: string): void {
    const { call } = this.#libc;
    const socket = call.socket(AF_INET, SOCK_DGRAM | O_CLOEXEC, 0);
    if (socket < 0) throw systemError(attempt, this.#libc.errno());
    try {
      const request = Buffer.alloc(40); // struct ifreq: 16 bytes of name, then the flags
      request.write("lo");
      request.writeInt16LE(IFF_UP_RUNNING, 16);
      if (call.ioctl(socket, SIOCSIFFLAGS, request) !== 0) {
        throw systemError(attempt, this.#libc.errno());
      }
    } finally {
      call.close(socket);
    }
  }
}
