import { ConflictError, NotFoundError } from "#base/errors.ts";
import type { AddressState, LinkState, NeighbourState, RouteState } from "#host/netlink.ts";

/** A device; the peer of a veth is in `peer`. */
export interface FakeLink {
  index: number;
  name: string;
  kind: string;
  macAddress: string;
  mtuBytes: number;
  isUp: boolean;
  masterIndex?: number;
  alias?: string;
  peer?: { readonly namespace: FakeNetwork; readonly link: FakeLink };
}

/** What one network namespace holds. */
export interface FakeNetwork {
  readonly inode: number;
  readonly links: FakeLink[];
  readonly addresses: AddressState[];
  readonly routes: RouteState[];
  readonly neighbours: NeighbourState[];
}

/** The network namespaces of the fake host, by pin; `FakeNamespaces` makes them, `FakeNetlink` fills them. */
export class FakeNetworks {
  readonly home: FakeNetwork = newNetwork(1);
  readonly #pinned = new Map<string, FakeNetwork>();
  #nextInode = 2;

  at(path: string | undefined): FakeNetwork {
    if (path === undefined || path === "/proc/self/ns/net") return this.home;
    const network = this.#pinned.get(path);
    if (network === undefined) {
      throw new NotFoundError(`Cannot open "${path}": no such file or directory (ENOENT)`);
    }
    return network;
  }

  add(path: string): void {
    if (this.#pinned.has(path)) {
      throw new ConflictError(
        `Cannot make network namespace "${path}": file already exists (EEXIST)`,
      );
    }
    this.#pinned.set(path, newNetwork(this.#nextInode));
    this.#nextInode += 1;
  }

  remove(path: string): boolean {
    const network = this.#pinned.get(path);
    if (network === undefined) return false;
    for (const link of network.links.toReversed()) removeLink(network, link);
    return this.#pinned.delete(path);
  }
}

/** Removes a link with its addresses and routes, and the other end of a veth pair. */
export function removeLink(network: FakeNetwork, link: FakeLink): void {
  const isThere = take(network.links, (each) => each === link);
  if (!isThere) return;
  take(network.addresses, (each) => each.linkIndex === link.index);
  take(network.routes, (each) => each.linkIndex === link.index);
  take(network.neighbours, (each) => each.linkIndex === link.index);
  for (const port of network.links) {
    if (port.masterIndex === link.index) delete port.masterIndex;
  }
  if (link.peer !== undefined) removeLink(link.peer.namespace, link.peer.link);
}

export function toLinkState(link: FakeLink): LinkState {
  const { peer, ...state } = link;
  return peer === undefined ? state : { ...state, peerIndex: peer.link.index };
}

/** Takes all that match out of `list`. @returns Whether there were any. */
export function take<T>(list: T[], matches: (item: T) => boolean): boolean {
  const kept = list.filter((item) => !matches(item));
  const isAny = kept.length < list.length;
  list.splice(0, list.length, ...kept);
  return isAny;
}

function newNetwork(inode: number): FakeNetwork {
  const loopback: FakeLink = {
    index: 1,
    name: "lo",
    kind: "",
    macAddress: "00:00:00:00:00:00",
    mtuBytes: 65536,
    isUp: true,
  };
  return {
    inode,
    links: [loopback],
    addresses: [{ linkIndex: 1, cidr: "127.0.0.1/8", scope: "host" }],
    routes: [],
    neighbours: [],
  };
}
