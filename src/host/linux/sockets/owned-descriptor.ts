import { InternalError } from "#base/errors.ts";
import type { Libc } from "#host/linux/ffi/libc.ts";

/**
 * A descriptor that is closed once and not used afterwards. The kernel gives a closed number to the next who
 * opens something, so a second close, or a late use, hits a stranger: a database, a container's pipe.
 */
export class OwnedDescriptor implements Disposable {
  readonly #libc: Libc;
  readonly #what: string;
  #number: number | undefined;

  /** @param what For the message: "the netlink socket". */
  constructor(libc: Libc, descriptor: number, what: string) {
    this.#libc = libc;
    this.#number = descriptor;
    this.#what = what;
  }

  /** @throws {InternalError} It is closed. */
  get number(): number {
    if (this.#number === undefined)
      throw new InternalError(`Cannot use ${this.#what}: it is closed`);
    return this.#number;
  }

  [Symbol.dispose](): void {
    const descriptor = this.#number;
    this.#number = undefined;
    if (descriptor !== undefined) this.#libc.call.close(descriptor);
  }
}
