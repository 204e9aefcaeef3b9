import type {
  AddressState,
  LinkOp,
  LinkState,
  NeighbourState,
  Netlink,
  RouteState,
} from "#host/netlink.ts";
import { FailedPreconditionError, NotFoundError, UnsupportedError } from "#base/errors.ts";
import type { Libc } from "./ffi/libc.ts";
import { listAddresses, listRoutes } from "./netlink/address-requests.ts";
import { LinkBatch } from "./netlink/link-batch.ts";
import * as links from "./netlink/link-requests.ts";
import { addSteps } from "./netlink/link-steps.ts";
import { listNeighbours } from "./netlink/neighbour-requests.ts";
import { NetlinkSocket } from "./netlink/socket.ts";
import { probeKind } from "./netlink/stacked-link-requests.ts";
import { decodeAddress, decodeLink, decodeNeighbour, decodeRoute } from "./netlink/states.ts";
import type { JsThread } from "./thread.ts";

const GONE_CHECK_MS = 1;

export class LinuxNetlink implements Netlink, Disposable {
  readonly #libc: Libc;
  readonly #thread: JsThread;
  /** Of the daemon's own namespace. */
  readonly #home: NetlinkSocket;

  constructor(options: { readonly libc: Libc; readonly thread: JsThread }) {
    this.#libc = options.libc;
    this.#thread = options.thread;
    this.#home = new NetlinkSocket(options);
  }

  links(namespacePath?: string): readonly LinkState[] {
    return this.#with(namespacePath, (socket) =>
      socket.dump("Cannot list links", links.listLinks()).map(decodeLink),
    );
  }

  link(name: string, namespacePath?: string): LinkState | undefined {
    return this.#with(namespacePath, (socket) => findLink(socket, name));
  }

  addresses(namespacePath?: string): readonly AddressState[] {
    return this.#with(namespacePath, (socket) =>
      socket.dump("Cannot list addresses", listAddresses()).map(decodeAddress),
    );
  }

  addressesOf(linkIndex: number): readonly AddressState[] {
    return this.#home
      .dump("Cannot list addresses", listAddresses(linkIndex))
      .map(decodeAddress)
      .filter((each) => each.linkIndex === linkIndex);
  }

  routes(namespacePath?: string): readonly RouteState[] {
    return this.#with(namespacePath, (socket) =>
      socket
        .dump("Cannot list routes", listRoutes())
        .map(decodeRoute)
        .filter((route) => route !== undefined),
    );
  }

  hasKind(kind: string): boolean {
    try {
      this.#home.change(`Cannot add ${kind}`, probeKind(kind));
    } catch (error) {
      if (error instanceof UnsupportedError) return false;
      // the kind is known: it misses what a device of it needs
      if (error instanceof FailedPreconditionError) return true;
      throw error;
    }
    return true;
  }

  neighbours(namespacePath?: string): readonly NeighbourState[] {
    return this.#with(namespacePath, (socket) =>
      (["addresses", "forwarding"] as const)
        .flatMap((family) => socket.dump("Cannot list neighbours", listNeighbours(family)))
        .map(decodeNeighbour),
    );
  }

  apply(ops: readonly LinkOp[], namespacePath?: string): void {
    this.#with(namespacePath, (socket) => {
      using batch = new LinkBatch({ libc: this.#libc, socket });
      for (const op of ops) addSteps(batch, op);
      batch.send();
    });
  }

  async applyAside(ops: readonly LinkOp[], namespacePath?: string): Promise<void> {
    using socket = this.#open(namespacePath);
    for (const op of ops) {
      using batch = new LinkBatch({ libc: this.#libc, socket });
      addSteps(batch, op);
      await batch.sendAside();
    }
  }

  async deleteLink(name: string, namespacePath?: string): Promise<void> {
    const attempt = `Cannot delete link "${name}"`;
    const socket = this.#open(namespacePath);
    const isThere = (): boolean => socket.tryIndexOf(name) !== undefined;
    if (!isThere()) {
      socket[Symbol.dispose]();
      throw new NotFoundError(`${attempt}: there is no link "${name}"`);
    }
    let isOver = false;
    const freed = socket.changeAside(attempt, links.deleteLink(name)).finally(() => {
      isOver = true;
      socket[Symbol.dispose]();
    });
    const outOfSight = async (): Promise<void> => {
      while (!isOver && isThere()) await Bun.sleep(GONE_CHECK_MS);
      if (isOver) await freed;
    };
    freed.catch(() => undefined); // a failure that matters comes from the race
    await Promise.race([freed, outOfSight()]);
  }

  [Symbol.dispose](): void {
    this.#home[Symbol.dispose]();
  }

  #with<T>(namespacePath: string | undefined, work: (socket: NetlinkSocket) => T): T {
    if (namespacePath === undefined) return work(this.#home);
    using socket = this.#open(namespacePath);
    return work(socket);
  }

  /** A socket stays in the namespace that it was opened in, so the thread is away for that call only. */
  #open(namespacePath: string | undefined): NetlinkSocket {
    const open = (): NetlinkSocket => new NetlinkSocket({ libc: this.#libc });
    return namespacePath === undefined ? open() : this.#thread.inNetwork(namespacePath, open);
  }
}

function findLink(socket: NetlinkSocket, name: string): LinkState | undefined {
  const request = links.getLink(name);
  if (socket.tryIndexOf(name) === undefined) return undefined;
  const answer = socket.read(`Cannot read link "${name}"`, request);
  return answer === undefined ? undefined : decodeLink(answer);
}
