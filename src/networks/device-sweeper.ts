import { messageOf } from "#base/errors.ts";
import type { Clock } from "#host/clock.ts";
import type { Netlink } from "#host/netlink.ts";

const CHECK_MS = 100;
/** The kernel frees a namespace within some 30 ms; after this something else holds it. */
const PATIENCE_MS = 2000;

/**
 * Sees to it that devices disappear with their namespaces. The kernel deletes a veth pair when the last
 * user of its namespace leaves, at no cost to us; a stranger in the namespace (nsenter, a mount namespace
 * that copied the pin) keeps it there, and then it is deleted by name.
 */
export class DeviceSweeper implements AsyncDisposable {
  readonly #netlink: Netlink;
  readonly #clock: Clock;
  readonly #warn: (message: string) => void;
  /** Name → when it was given up, on the monotonic clock. */
  readonly #expected = new Map<string, number>();
  readonly #stop = new AbortController();
  #loop: Promise<void> | undefined;

  constructor(options: {
    readonly netlink: Netlink;
    readonly clock: Clock;
    readonly warn: (message: string) => void;
  }) {
    this.#netlink = options.netlink;
    this.#clock = options.clock;
    this.#warn = options.warn;
  }

  expectGone(linkName: string): void {
    this.#expected.set(linkName, this.#clock.monotonicMs());
    this.#start();
  }

  expected(): readonly string[] {
    return [...this.#expected.keys()];
  }

  /** When all that was expected has gone. */
  async settled(): Promise<void> {
    while (this.#loop) await this.#loop;
  }

  #start(): void {
    if (this.#loop || this.#stop.signal.aborted) return;
    this.#loop = this.#run().finally(() => {
      this.#loop = undefined;
      if (this.#expected.size > 0) this.#start();
    });
  }

  async #run(): Promise<void> {
    while (this.#expected.size > 0 && !this.#stop.signal.aborted) {
      await this.#clock.delay(CHECK_MS, this.#stop.signal).catch(() => undefined);
      if (!this.#stop.signal.aborted) await this.#check();
    }
  }

  async #check(): Promise<void> {
    const lateBefore = this.#clock.monotonicMs() - PATIENCE_MS;
    for (const [name, sinceMs] of this.#expected) {
      try {
        if (sinceMs <= lateBefore) await this.remove(name);
        if (!this.#netlink.link(name)) this.#expected.delete(name);
      } catch (error) {
        this.#expected.delete(name); // the next engine sweeps up
        this.#warn(`Cannot see whether device ${name} has gone: ${messageOf(error)}`);
      }
    }
  }

  /** Deletes a device; one that is gone is no error, one that stays is reported. */
  async remove(name: string): Promise<void> {
    try {
      await this.#netlink.deleteLink(name);
    } catch (error) {
      if (!this.#netlink.link(name)) return;
      this.#expected.delete(name);
      this.#warn(`Device ${name} stays behind: ${messageOf(error)}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#loop;
  }
}
