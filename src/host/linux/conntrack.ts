import { Semaphore } from "#base/async.ts";
import { FailedPreconditionError, NotFoundError } from "#base/errors.ts";
import type { ConnectionMatch, Conntrack } from "#host/conntrack.ts";
import type { Libc } from "./ffi/libc.ts";
import {
  deleteConnection,
  type Family,
  familiesOf,
  listConnections,
  matches,
  tryDeleteConnections,
} from "./netlink/conntrack-requests.ts";
import type { NetlinkMessage } from "./netlink/message.ts";
import { NETLINK_NETFILTER, NetlinkSocket } from "./netlink/socket.ts";

/**
 * ctnetlink. Kernels from 6.7 on delete by themselves what matches, those from 5.8 on filter what they list; an older one lists
 * all, so each entry is looked at again here.
 */
export class LinuxConntrack implements Conntrack, Disposable {
  readonly #libc: Libc;
  readonly #turn = new Semaphore(1);
  /** Opened at the first use: it loads the kernel's module. */
  #socket: NetlinkSocket | undefined;
  #deletesByFilter = true;

  constructor(options: { readonly libc: Libc }) {
    this.#libc = options.libc;
  }

  async forget(match: ConnectionMatch): Promise<void> {
    using _turn = await this.#turn.acquire();
    this.#socket ??= new NetlinkSocket({ libc: this.#libc, protocol: NETLINK_NETFILTER });
    const socket = this.#socket;
    for (const family of familiesOf(match)) {
      if (await this.#tryDelete(socket, match, family)) continue;
      const request = listConnections(match, family);
      const entries = await socket.dumpAside("Cannot list connections", request);
      for (const entry of entries) if (matches(match, entry)) forgetOne(socket, entry, family);
    }
  }

  /** @returns Whether the kernel did it. */
  async #tryDelete(
    socket: NetlinkSocket,
    match: ConnectionMatch,
    family: Family,
  ): Promise<boolean> {
    const requests = this.#deletesByFilter ? tryDeleteConnections(match, family) : undefined;
    if (!requests) return false;
    try {
      for (const request of requests) {
        await socket.changeAside("Cannot forget connections", request);
      }
    } catch (error) {
      if (!(error instanceof FailedPreconditionError)) throw error;
      this.#deletesByFilter = false; // an older kernel
      return false;
    }
    return true;
  }

  [Symbol.dispose](): void {
    this.#socket?.[Symbol.dispose]();
  }
}

function forgetOne(socket: NetlinkSocket, entry: NetlinkMessage, family: Family): void {
  try {
    socket.change("Cannot forget a connection", deleteConnection(entry, family));
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error; // ended by itself meanwhile
  }
}
