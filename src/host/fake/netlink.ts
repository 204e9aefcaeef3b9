import {
  assertNever,
  ConflictError,
  FailedPreconditionError,
  NotFoundError,
} from "#base/errors.ts";
import type {
  AddressState,
  LinkOp,
  LinkState,
  NeighbourState,
  Netlink,
  RouteState,
} from "#host/netlink.ts";
import {
  type FakeLink,
  type FakeNetwork,
  type FakeNetworks,
  removeLink,
  take,
  toLinkState,
} from "./network-state.ts";

const MAIN_TABLE = 254;
const DEFAULT_MTU_BYTES = 1500;

/** Links, addresses and routes in memory. */
export class FakeNetlink implements Netlink {
  readonly #networks: FakeNetworks;
  #nextIndex = 2;
  /** Each step that was applied, in order. */
  readonly applied: { readonly op: LinkOp; readonly namespacePath?: string }[] = [];

  constructor(options: { readonly networks: FakeNetworks }) {
    this.#networks = options.networks;
  }

  links(namespacePath?: string): readonly LinkState[] {
    return this.#networks.at(namespacePath).links.map(toLinkState);
  }

  link(name: string, namespacePath?: string): LinkState | undefined {
    return this.links(namespacePath).find((link) => link.name === name);
  }

  addressesOf(linkIndex: number): readonly AddressState[] {
    return this.addresses().filter((each) => each.linkIndex === linkIndex);
  }

  addresses(namespacePath?: string): readonly AddressState[] {
    return [...this.#networks.at(namespacePath).addresses];
  }

  routes(namespacePath?: string): readonly RouteState[] {
    return [...this.#networks.at(namespacePath).routes];
  }

  hasKind(): boolean {
    return true;
  }

  neighbours(namespacePath?: string): readonly NeighbourState[] {
    return [...this.#networks.at(namespacePath).neighbours];
  }

  apply(ops: readonly LinkOp[], namespacePath?: string): void {
    const network = this.#networks.at(namespacePath);
    for (const op of ops) {
      this.#applyOne(network, op);
      this.applied.push(namespacePath === undefined ? { op } : { op, namespacePath });
    }
  }

  async applyAside(ops: readonly LinkOp[], namespacePath?: string): Promise<void> {
    this.apply(ops, namespacePath);
  }

  async deleteLink(name: string, namespacePath?: string): Promise<void> {
    this.apply([{ kind: "delete-link", name }], namespacePath);
  }

  #applyOne(network: FakeNetwork, op: LinkOp): void {
    switch (op.kind) {
      case "add-bridge": {
        const { kind: _, ...given } = op;
        this.#add(network, { kind: "bridge", isUp: false, ...given });
        return;
      }
      case "add-veth":
        return this.#addVeth(network, op);
      case "add-macvlan":
      case "add-ipvlan": {
        linkOf(network, op.parent);
        const { kind, parent: _, mode: __, namespacePath, ...given } = op;
        const namespace = this.#networks.at(namespacePath);
        this.#add(namespace, { kind: kind.slice("add-".length), isUp: false, ...given });
        return;
      }
      case "add-vlan": {
        linkOf(network, op.parent);
        const { kind: _, parent: __, vlanId: ___, ...given } = op;
        this.#add(network, { kind: "vlan", isUp: false, ...given });
        return;
      }
      case "add-placeholder": {
        const { kind: _, type, ...given } = op;
        this.#add(network, { kind: type, isUp: false, ...given });
        return;
      }
      case "add-vxlan": {
        const { kind: _, vni: __, port: ___, localAddress: ____, ...given } = op;
        this.#add(network, { kind: "vxlan", isUp: false, ...given });
        return;
      }
      case "add-forwarding":
      case "delete-forwarding":
      case "add-neighbour":
      case "delete-neighbour":
        return changeNeighbour(network, op);
      case "delete-link":
        return removeLink(network, linkOf(network, op.name));
      case "set-up":
      case "set-down":
        linkOf(network, op.name).isUp = op.kind === "set-up";
        return;
      case "set-master": {
        const link = linkOf(network, op.name);
        if (op.master === null) delete link.masterIndex;
        else link.masterIndex = linkOf(network, op.master).index;
        return;
      }
      case "rename": {
        const link = linkOf(network, op.name);
        if (network.links.some((each) => each.name === op.to)) throw exists(`link "${op.to}"`);
        link.name = op.to;
        return;
      }
      case "move-link": {
        const link = linkOf(network, op.name);
        const there = this.#networks.at(op.namespacePath);
        if (there.links.some((each) => each.name === op.to)) throw exists(`link "${op.to}"`);
        take(network.links, (each) => each === link);
        take(network.addresses, ({ linkIndex }) => linkIndex === link.index);
        take(network.routes, ({ linkIndex }) => linkIndex === link.index);
        there.links.push(Object.assign(link, { name: op.to, isUp: false }));
        return;
      }
      case "set-alias":
        linkOf(network, op.name).alias = op.alias;
        return;
      case "set-mtu":
        linkOf(network, op.name).mtuBytes = op.mtuBytes;
        return;
      case "set-mac":
        linkOf(network, op.name).macAddress = op.macAddress;
        return;
      case "add-address":
        return addAddress(network, op.name, op.cidr);
      case "delete-address": {
        const { index } = linkOf(network, op.name);
        const isThere = take(network.addresses, (each) => {
          return each.linkIndex === index && each.cidr === op.cidr;
        });
        if (!isThere) throw new NotFoundError(`There is no address ${op.cidr} on "${op.name}"`);
        return;
      }
      case "add-route":
        return addRoute(network, op);
      case "set-hairpin":
        if (linkOf(network, op.name).masterIndex === undefined) {
          throw new FailedPreconditionError(`Cannot set hairpin link "${op.name}": in no bridge`);
        }
        return;
      default:
        assertNever(op);
    }
  }

  #addVeth(network: FakeNetwork, op: Extract<LinkOp, { kind: "add-veth" }>): void {
    const { kind: _, master, peer, ...given } = op;
    const masterIndex = master === undefined ? {} : { masterIndex: linkOf(network, master).index };
    const namespace = this.#networks.at(peer.namespacePath);
    if (namespace.links.some((link) => link.name === peer.name)) throw exists(`"${peer.name}"`);
    const link = this.#add(network, { kind: "veth", isUp: true, ...given, ...masterIndex });
    const { namespacePath: __, ...far } = peer;
    const mtu = op.mtuBytes === undefined ? {} : { mtuBytes: op.mtuBytes };
    const other = this.#add(namespace, { kind: "veth", isUp: false, ...far, ...mtu });
    link.peer = { namespace, link: other };
    other.peer = { namespace: network, link };
  }

  #add(
    network: FakeNetwork,
    given: Partial<FakeLink> & Pick<FakeLink, "name" | "kind" | "isUp">,
  ): FakeLink {
    if (network.links.some((link) => link.name === given.name)) throw exists(`"${given.name}"`);
    const index = this.#nextIndex;
    this.#nextIndex += 1;
    const macAddress = `02:00:00:00:00:${index.toString(16).padStart(2, "0").slice(-2)}`;
    const link = { index, macAddress, mtuBytes: DEFAULT_MTU_BYTES, ...given };
    network.links.push(link);
    return link;
  }
}

function addAddress(network: FakeNetwork, name: string, cidr: string): void {
  const linkIndex = linkOf(network, name).index;
  if (network.addresses.some((each) => each.linkIndex === linkIndex && each.cidr === cidr)) {
    throw exists(`address ${cidr}`);
  }
  network.addresses.push({ linkIndex, cidr, scope: "global" });
}

function addRoute(network: FakeNetwork, op: Extract<LinkOp, { kind: "add-route" }>): void {
  const { destination, gateway, name } = op;
  const family = `${destination}${gateway ?? ""}`.includes(":") ? 6 : 4;
  const isSame = (route: RouteState): boolean =>
    route.destination === destination && route.family === family;
  if (op.isReplacing) take(network.routes, isSame);
  if (network.routes.some(isSame)) throw exists(`route to ${destination}`);
  network.routes.push({
    destination,
    table: MAIN_TABLE,
    family,
    ...(gateway === undefined ? {} : { gateway }),
    ...(name === undefined ? {} : { linkIndex: linkOf(network, name).index }),
  });
}

function changeNeighbour(
  network: FakeNetwork,
  op: Extract<
    LinkOp,
    { kind: "add-forwarding" | "delete-forwarding" | "add-neighbour" | "delete-neighbour" }
  >,
): void {
  const linkIndex = linkOf(network, op.name).index;
  const isForwarding = "remoteAddress" in op;
  const address = isForwarding ? op.remoteAddress : op.address;
  const isThere = take(network.neighbours, (each) => {
    const isSame = isForwarding
      ? each.macAddress === op.macAddress && each.address === address
      : each.address === address;
    return each.linkIndex === linkIndex && each.isForwarding === isForwarding && isSame;
  });
  if (op.kind === "add-forwarding" || op.kind === "add-neighbour") {
    network.neighbours.push({ linkIndex, isForwarding, address, macAddress: op.macAddress });
  } else if (!isThere) {
    throw new NotFoundError(`There is no entry for ${address} on "${op.name}" (ENOENT)`);
  }
}

function linkOf(network: FakeNetwork, name: string): FakeLink {
  const link = network.links.find((each) => each.name === name);
  if (link === undefined) throw new NotFoundError(`There is no link "${name}" (ENODEV)`);
  return link;
}

function exists(what: string): ConflictError {
  return new ConflictError(`Cannot add ${what}: file already exists (EEXIST)`);
}
