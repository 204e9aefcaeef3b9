import { statSync, unlinkSync } from "node:fs";
import type { Namespaces } from "#host/namespaces.ts";
import { errnoOf, errnos, systemError } from "./ffi/errno.ts";
import { cString, type Libc, O_CLOEXEC } from "./ffi/libc.ts";
import type { JsThread } from "./thread.ts";

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

  constructor(options: { readonly libc: Libc; readonly thread: JsThread }) {
    this.#libc = options.libc;
    this.#thread = options.thread;
  }

  createNetwork(path: string): void {
    const attempt = `Cannot make network namespace "${path}"`;
    const { call } = this.#libc;
    const fd = call.open(cString(path), O_CREAT_EXCL | O_CLOEXEC, 0o444);
    if (fd < 0) throw systemError(attempt, this.#libc.errno());
    call.close(fd);
    try {
      this.#thread.inNewNetwork(() => {
        this.#setLoopbackUp(attempt);
        const source = cString("/proc/thread-self/ns/net");
        if (call.mount(source, cString(path), null, MS_BIND, null) !== 0) {
          throw systemError(attempt, this.#libc.errno());
        }
      });
    } catch (error) {
      unlinkSync(path);
      throw error;
    }
  }

  removeNetwork(path: string): boolean {
    const attempt = `Cannot remove network namespace "${path}"`;
    const target = cString(path);
    // One name may have been pinned twice by a crash between two engines: off with all layers.
    while (this.#libc.call.umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW) === 0);
    const errno = this.#libc.errno();
    if (errno === errnos.ENOENT) return false;
    if (errno !== errnos.EINVAL) throw systemError(attempt, errno);
    unlinkSync(path);
    return true;
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
