import { NotFoundError } from "#base/errors.ts";
import type { Libc } from "#host/linux/ffi/libc.ts";
import { openDescriptor } from "#host/linux/thread.ts";
import type { NetlinkRequest } from "./message.ts";
import type { NetlinkChange, NetlinkSocket } from "./socket.ts";

/**
 * Changes of the devices of one namespace, on their way to the kernel: they go together, in one call, as far as none has
 * to be answered before the next one can be sent.
 */
export class LinkBatch implements Disposable {
  readonly #libc: Libc;
  readonly #socket: NetlinkSocket;
  readonly #descriptors: number[] = [];
  #waiting: NetlinkChange[] = [];
  #mustSucceed = false;

  constructor(options: { readonly libc: Libc; readonly socket: NetlinkSocket }) {
    this.#libc = options.libc;
    this.#socket = options.socket;
  }

  /** What is added after it is done even where the kernel refuses this one. */
  add(attempt: string, request: NetlinkRequest): void {
    if (this.#mustSucceed) this.send();
    this.#waiting.push({ attempt, request });
  }

  /** What is added after it is done only when this one was. */
  addFirst(attempt: string, request: NetlinkRequest): void {
    this.add(attempt, request);
    this.#mustSucceed = true;
  }

  /** @throws {NotFoundError} There is no such device, when what was added before has been done. */
  indexOf(name: string, attempt: string): number {
    if (this.#mustSucceed) this.send();
    let index = this.#socket.tryIndexOf(name);
    if (index === undefined && this.#waiting.length > 0) {
      this.send();
      index = this.#socket.tryIndexOf(name);
    }
    if (index === undefined) throw new NotFoundError(`${attempt}: there is no link "${name}"`);
    return index;
  }

  /** Of a namespace; open for as long as the batch is. */
  openNamespace(path: string): number {
    const descriptor = openDescriptor(this.#libc, path, 0);
    this.#descriptors.push(descriptor);
    return descriptor;
  }

  send(): void {
    const changes = this.#take();
    if (changes.length > 0) this.#socket.changeAll(changes);
  }

  /** As `send`, one after another, with the kernel's work done off the JS thread. */
  async sendAside(): Promise<void> {
    for (const { attempt, request } of this.#take()) {
      await this.#socket.changeAside(attempt, request);
    }
  }

  #take(): readonly NetlinkChange[] {
    const changes = this.#waiting;
    this.#waiting = [];
    this.#mustSucceed = false;
    return changes;
  }

  [Symbol.dispose](): void {
    for (const descriptor of this.#descriptors) this.#libc.call.close(descriptor);
  }
}
