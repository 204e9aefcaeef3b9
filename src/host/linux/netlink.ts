import {
  assertNever,
  FailedPreconditionError,
  NotFoundError,
  UnsupportedError,
} from "#base/errors.ts";
import type {
  AddressState,
  LinkOp,
  LinkState,
  NeighbourState,
  Netlink,
  RouteState,
} from "#host/netlink.ts";
import type { Libc } from "./ffi/libc.ts";
import {
  addAddress,
  addRoute,
  deleteAddress,
  listAddresses,
  listRoutes,
} from "./netlink/address-requests.ts";
import * as links from "./netlink/link-requests.ts";
import type { NetlinkRequest } from "./netlink/message.ts";
import {
  addForwarding,
  addNeighbour,
  deleteForwarding,
  deleteNeighbour,
  listNeighbours,
} from "./netlink/neighbour-requests.ts";
import { NetlinkSocket } from "./netlink/socket.ts";
import * as stacked from "./netlink/stacked-link-requests.ts";
import { decodeAddress, decodeLink, decodeNeighbour, decodeRoute } from "./netlink/states.ts";
import { type JsThread, openDescriptor } from "./thread.ts";

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
      this.#home.change(`Cannot add ${kind}`, stacked.probeKind(kind));
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
      for (const op of ops) {
        for (const request of this.#requests(socket, op)) socket.change(attemptOf(op), request);
      }
    });
  }

  async applyAside(ops: readonly LinkOp[], namespacePath?: string): Promise<void> {
    using socket = this.#open(namespacePath);
    for (const op of ops) {
      for (const request of this.#requests(socket, op)) {
        await socket.changeAside(attemptOf(op), request);
      }
    }
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

  /** What to send for one step, each after the one before was answered. */
  *#requests(socket: NetlinkSocket, op: LinkOp): Generator<NetlinkRequest, void> {
    const attempt = attemptOf(op);
    switch (op.kind) {
      case "add-bridge":
        yield links.addBridge(op);
        if (op.alias !== undefined) yield links.setAlias(op.name, op.alias);
        return;
      case "add-veth":
        return yield* this.#vethRequests(socket, op);
      case "add-macvlan":
      case "add-ipvlan":
        return yield* this.#stackedRequests(op, indexOf(socket, op.parent, attempt));
      case "add-vlan":
        yield stacked.addVlan({ ...op, parentIndex: indexOf(socket, op.parent, attempt) });
        if (op.alias !== undefined) yield links.setAlias(op.name, op.alias);
        return;
      case "add-placeholder":
        yield stacked.addPlaceholder(op);
        if (op.alias !== undefined) yield links.setAlias(op.name, op.alias);
        return;
      case "add-vxlan":
        yield stacked.addVxlan(op);
        if (op.alias !== undefined) yield links.setAlias(op.name, op.alias);
        return;
      case "add-forwarding":
        return yield addForwarding({ ...op, linkIndex: indexOf(socket, op.name, attempt) });
      case "delete-forwarding":
        return yield deleteForwarding({ ...op, linkIndex: indexOf(socket, op.name, attempt) });
      case "add-neighbour":
        return yield addNeighbour({ ...op, linkIndex: indexOf(socket, op.name, attempt) });
      case "delete-neighbour":
        return yield deleteNeighbour({ ...op, linkIndex: indexOf(socket, op.name, attempt) });
      case "delete-link":
        return yield links.deleteLink(op.name);
      case "set-up":
        return yield links.setUp(op.name, true);
      case "set-down":
        return yield links.setUp(op.name, false);
      case "set-master": {
        const index = op.master === null ? 0 : indexOf(socket, op.master, attempt);
        return yield links.setMaster(op.name, index);
      }
      case "rename":
        return yield links.rename(indexOf(socket, op.name, attempt), op.to);
      case "move-link":
        return yield* this.#moveRequests(socket, op);
      case "set-alias":
        return yield links.setAlias(op.name, op.alias);
      case "set-mtu":
        return yield links.setMtu(op.name, op.mtuBytes);
      case "set-mac":
        return yield links.setMac(op.name, op.macAddress);
      case "add-address":
        return yield addAddress(indexOf(socket, op.name, attempt), op.cidr);
      case "delete-address":
        return yield deleteAddress(indexOf(socket, op.name, attempt), op.cidr);
      case "add-route": {
        const linkIndex = op.name === undefined ? undefined : indexOf(socket, op.name, attempt);
        return yield addRoute({ ...op, ...(linkIndex === undefined ? {} : { linkIndex }) });
      }
      case "set-hairpin":
        return yield links.setHairpin(op.name, op.enabled);
      default:
        assertNever(op);
    }
  }

  *#stackedRequests(
    op: Extract<LinkOp, { kind: "add-macvlan" | "add-ipvlan" }>,
    parentIndex: number,
  ): Generator<NetlinkRequest, void> {
    const namespaceFd = openDescriptor(this.#libc, op.namespacePath, 0);
    try {
      yield op.kind === "add-macvlan"
        ? stacked.addMacvlan({ ...op, parentIndex, namespaceFd })
        : stacked.addIpvlan({ ...op, parentIndex, namespaceFd });
    } finally {
      this.#libc.call.close(namespaceFd);
    }
  }

  *#moveRequests(
    socket: NetlinkSocket,
    op: Extract<LinkOp, { kind: "move-link" }>,
  ): Generator<NetlinkRequest, void> {
    const namespaceFd = openDescriptor(this.#libc, op.namespacePath, 0);
    try {
      yield links.move(indexOf(socket, op.name, attemptOf(op)), { to: op.to, namespaceFd });
    } finally {
      this.#libc.call.close(namespaceFd);
    }
  }

  *#vethRequests(
    socket: NetlinkSocket,
    op: Extract<LinkOp, { kind: "add-veth" }>,
  ): Generator<NetlinkRequest, void> {
    const { master, peer, ...rest } = op;
    const masterIndex = master === undefined ? undefined : indexOf(socket, master, attemptOf(op));
    const namespaceFd = openDescriptor(this.#libc, peer.namespacePath, 0);
    try {
      const joined = masterIndex === undefined ? rest : { ...rest, masterIndex };
      yield links.addVeth({ ...joined, peer: { ...peer, namespaceFd } });
    } finally {
      this.#libc.call.close(namespaceFd);
    }
    // The kernel takes no alias while it makes a link.
    if (op.alias !== undefined) yield links.setAlias(op.name, op.alias);
  }
}

function findLink(socket: NetlinkSocket, name: string): LinkState | undefined {
  const answer = socket.read(`Cannot read link "${name}"`, links.getLink(name));
  return answer === undefined ? undefined : decodeLink(answer);
}

function indexOf(socket: NetlinkSocket, name: string, attempt: string): number {
  const link = findLink(socket, name);
  if (link === undefined) throw new NotFoundError(`${attempt}: there is no link "${name}"`);
  return link.index;
}

function attemptOf(op: LinkOp): string {
  switch (op.kind) {
    case "add-bridge":
      return `Cannot add bridge "${op.name}"`;
    case "add-veth":
      return `Cannot add veth pair "${op.name}" and "${op.peer.name}"`;
    case "add-macvlan":
    case "add-ipvlan":
    case "add-vlan":
      return `Cannot add ${op.kind.slice("add-".length)} "${op.name}" on "${op.parent}"`;
    case "add-placeholder":
      return `Cannot add ${op.type} "${op.name}"`;
    case "add-vxlan":
      return `Cannot add vxlan "${op.name}"`;
    case "add-forwarding":
    case "delete-forwarding":
      return `Cannot ${op.kind === "add-forwarding" ? "add" : "delete"} forwarding of ${op.macAddress} to ${op.remoteAddress} on link "${op.name}"`;
    case "add-neighbour":
    case "delete-neighbour":
      return `Cannot ${op.kind === "add-neighbour" ? "add" : "delete"} neighbour ${op.address} on link "${op.name}"`;
    case "delete-link":
      return `Cannot delete link "${op.name}"`;
    case "add-address":
      return `Cannot add address ${op.cidr} to link "${op.name}"`;
    case "delete-address":
      return `Cannot delete address ${op.cidr} of link "${op.name}"`;
    case "add-route":
      return `Cannot add route to ${op.destination}`;
    case "rename":
      return `Cannot rename link "${op.name}" to "${op.to}"`;
    case "move-link":
      return `Cannot move link "${op.name}" to "${op.to}" in ${op.namespacePath}`;
    case "set-master":
      return op.master === null
        ? `Cannot take link "${op.name}" out of its bridge`
        : `Cannot put link "${op.name}" into bridge "${op.master}"`;
    case "set-up":
    case "set-down":
    case "set-alias":
    case "set-mtu":
    case "set-mac":
    case "set-hairpin":
      return `Cannot ${op.kind.replace("-", " ")} link "${op.name}"`;
    default:
      return assertNever(op);
  }
}
