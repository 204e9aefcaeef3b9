import { ConflictError, messageOf } from "#base/errors.ts";
import { BRIDGE_OPTION, bridgeOptionsOf } from "#networks/bridge/bridge-options.ts";
import type { Firewall } from "#networks/firewall/firewall.ts";
import type { PublishedTarget } from "#networks/firewall/published-target.ts";
import { gatewayEndpoint, publishingEndpoint } from "#networks/gateway-endpoint.ts";
import type { Networks, PortChange, PortRequest, PublishedPort } from "#networks/networks.ts";
import { keyOf } from "#networks/ports/host-socket.ts";
import type { HeldPort, PortAllocator } from "#networks/ports/port-allocator.ts";
import { partRoutedPorts, type RoutedPorts } from "#networks/ports/routed-ports.ts";
import type { SandboxRecord } from "#networks/records.ts";
import type { Conntrack } from "#host/conntrack.ts";
import type { Netlink } from "#host/netlink.ts";
import type { SocketVault } from "#host/sockets.ts";
import {
  isReachable,
  type LiveSandbox,
  outerAddresses,
  ownerOf,
  relayTarget,
  routedFamilies,
  serviceOf,
  targetsOf,
} from "./live-sandbox.ts";
import type { SandboxTable } from "./sandbox-table.ts";

export interface SandboxPortsOptions {
  readonly table: SandboxTable;
  readonly ports: PortAllocator;
  readonly firewall: Firewall;
  readonly conntrack: Conntrack;
  readonly netlink: Netlink;
  /** Where a running container's sockets are kept; the caller's to dispose. */
  readonly vaultOf: (containerId: string) => SocketVault | undefined;
  readonly warn: (message: string) => void;
}

/**
 * The published ports of sandboxes: held on the host, led to the endpoints with the default routes. The sockets
 * are kept by the container's supervisor as well, so that the ports stay taken while no daemon runs.
 */
export class SandboxPorts {
  readonly #options: SandboxPortsOptions;

  constructor(options: SandboxPortsOptions) {
    this.#options = options;
  }

  /** @returns None when there is nothing to publish, or nowhere to lead to; those of `held` are all of the host's. */
  async reserve(
    plan: Omit<SandboxRecord, "ports">,
    requests: readonly PortRequest[],
  ): Promise<{
    readonly held: readonly HeldPort[];
    readonly published: readonly PublishedPort[];
  }> {
    if (requests.length === 0) return { held: [], published: [] };
    if (!isReachable(plan)) {
      this.#warnUnpublished(plan);
      return { held: [], published: [] };
    }
    const { bound, opened } = this.#part(requests, plan);
    const held = await this.#options.ports.reserve(ownerOf(plan), bound);
    this.#lead(plan, held);
    return { held, published: [...held.map(({ published }) => published), ...opened] };
  }

  #part(requests: readonly PortRequest[], plan: Pick<SandboxRecord, "endpoints">): RoutedPorts {
    const wishes = this.#portRequests(requests, plan);
    return partRoutedPorts(wishes, routedFamilies(plan), (wish) =>
      this.#options.ports.addressesFor(wish),
    );
  }

  /**
   * Puts sockets where they outlive this daemon.
   *
   * @param vault The caller's.
   * @returns The same vault, to be disposed of; undefined when there is nothing to keep.
   */
  keep(
    { containerName }: Pick<SandboxRecord, "containerName">,
    held: readonly HeldPort[],
    vault: SocketVault | undefined,
  ): SocketVault | undefined {
    if (!vault) return undefined;
    try {
      if (held.length === 0) {
        vault.keep([]);
        return undefined;
      }
      const own = vault.share();
      own.keep(held.map(({ socket }) => socket));
      return own;
    } catch (error) {
      this.#warnUnkept(containerName, error);
      return undefined;
    }
  }

  #warnUnpublished({ endpoints, containerName }: Omit<SandboxRecord, "ports">): void {
    const way = gatewayEndpoint(endpoints, 4) ?? gatewayEndpoint(endpoints, 6);
    if (!way) return;
    const driver = this.#options.table.networkOf(way)?.driver ?? "";
    this.#options.warn(
      `Container ${containerName} publishes no ports: network ${way.networkName} of driver ${driver} has none`,
    );
  }

  async release(held: readonly HeldPort[]): Promise<void> {
    await this.#options.ports.release(held);
  }

  /** Puts the rules of a sandbox's ports in force. */
  async publish({ record, targets }: LiveSandbox): Promise<void> {
    await this.#options.firewall.publish(targets);
    await this.#forgetDatagrams(targetsOf(record));
  }

  async unpublish({ record, targets, held, vault }: LiveSandbox): Promise<void> {
    const { firewall, conntrack, ports } = this.#options;
    await firewall.unpublish(targets);
    // the supervisor may be there for a moment longer
    vault?.keep([]);
    vault?.[Symbol.dispose]();
    await ports.release(held);
    if (record.ports.length === 0) return;
    for (const address of Object.values(outerAddresses(record))) {
      await conntrack.forget({ kind: "answered-by", address });
    }
  }

  /** Lets go of what this daemon holds; the supervisors go on keeping the ports. */
  async leave({ held, vault }: LiveSandbox): Promise<void> {
    vault?.[Symbol.dispose]();
    await this.#options.ports.release(held);
  }

  /** Takes the ports of a sandbox that lives on from another daemon. */
  async takeOver(live: LiveSandbox): Promise<void> {
    const { ports, warn, table } = this.#options;
    const { record } = live;
    if (record.ports.length === 0) return;
    using found = this.#vaultOf(record);
    const kept = found?.take() ?? [];
    const ofHost = record.ports.filter(({ hostPort }) => hostPort !== 0);
    const { held, lost } = await ports.takeOver(ownerOf(record), ofHost, kept);
    for (const message of lost) {
      warn(`Port of running container ${record.containerName} is no longer reserved: ${message}`);
    }
    this.#lead(record, held);
    const vault = this.keep(record, held, found);
    table.set({ ...live, held, ...(vault ? { vault } : {}) });
  }

  /** Takes `after` for the sandbox; its published ports lead to the endpoints that have the default routes. */
  async move(live: LiveSandbox, after: SandboxRecord): Promise<void> {
    const { firewall, table } = this.#options;
    const [was, is] = [outerAddresses(live.record), outerAddresses(after)];
    if ((was[4] === is[4] && was[6] === is[6]) || after.ports.length === 0) {
      table.set({ ...live, record: after });
      return;
    }
    const targets = targetsOf(after);
    await firewall.change({ add: targets, remove: live.targets });
    this.#lead(after, live.held);
    table.set({ ...live, record: after, targets });
    await this.#forgetDatagrams(targets);
  }

  /** @see Networks.changePorts */
  async change(
    containerId: string,
    { add, remove, from }: Parameters<Networks["changePorts"]>[1],
  ): Promise<PortChange> {
    const { ports, table } = this.#options;
    const live = table.get(containerId);
    if (!live || live.closing || !isReachable(live.record)) {
      throw new ConflictError(`Cannot change ports: container ${containerId} publishes none`);
    }
    const gone = new Set(remove.map(keyOf));
    const [leaving, staying] = partition(live.held, ({ socket }) => gone.has(socket.name));
    const donor = from === undefined ? undefined : table.get(from);
    const offered = donor && !donor.closing ? donor.held : [];
    const { bound, opened } = this.#part(add, live.record);
    const added = await ports.reserve(ownerOf(live.record), bound, [...leaving, ...offered]);
    const staysOpen = new Set(opened.map(keyOf));
    const [taken, left] = partition(offered, ({ socket }) =>
      added.some((one) => one.socket === socket),
    );
    const after: SandboxRecord = {
      ...live.record,
      ports: [
        ...live.record.ports.filter(
          (port) => !gone.has(keyOf(port)) && !staysOpen.has(keyOf(port)),
        ),
        ...added.map(({ published }) => published),
        ...opened,
      ],
    };
    const unused = leaving.filter(({ socket }) => !added.some((one) => one.socket === socket));
    const known = [...leaving, ...taken];
    const fresh = added.filter(({ socket }) => !known.some((one) => one.socket === socket));
    const gift = donor && taken.length > 0 ? giftOf(donor, taken, left) : undefined;
    let isApplied = false;
    return {
      ports: after.ports,
      taken: taken.map(({ published }) => published),
      record: (which) => {
        table.put(which === "after" ? after : live.record);
        if (gift) table.put(which === "after" ? gift.after.record : gift.donor.record);
      },
      apply: async () => {
        await this.#exchange(live, after, [...staying, ...added], gift);
        ports.own(ownerOf(after), added);
        isApplied = true;
        await ports.release(unused);
      },
      [Symbol.asyncDispose]: async () => {
        if (!isApplied) await ports.release(fresh);
      },
    };
  }

  async #exchange(
    live: LiveSandbox,
    after: SandboxRecord,
    held: readonly HeldPort[],
    gift: Gift | undefined,
  ): Promise<void> {
    const stays = new Set(after.ports.map(serviceOf));
    const had = new Set(live.record.ports.map(serviceOf));
    const add = targetsOf(after).filter((target) => !had.has(serviceOf(target)));
    const remove = live.targets.filter((target) => !stays.has(serviceOf(target)));
    const kept = live.targets.filter((target) => stays.has(serviceOf(target)));
    await this.#options.firewall.change({ add, remove: [...remove, ...(gift?.targets ?? [])] });
    this.#lead(after, held);
    using found = live.vault ?? this.#vaultOf(after);
    const vault = this.keep(after, held, found);
    if (gift) this.#giveAway(gift);
    this.#options.table.set({
      record: after,
      targets: [...kept, ...add],
      held,
      ...(vault ? { vault } : {}),
    });
    await this.#forgetDatagrams(add);
    await this.#forgetPublished(remove);
  }

  /** The sockets are the other's to keep by now. */
  #giveAway({ donor, after }: Gift): void {
    using found = donor.vault ?? this.#vaultOf(after.record);
    const vault = this.keep(after.record, after.held, found);
    this.#options.table.set({ ...after, ...(vault ? { vault } : {}) });
  }

  #lead(outer: Pick<SandboxRecord, "endpoints">, held: readonly HeldPort[]): void {
    for (const { published, socket } of held) socket.lead(relayTarget(outer, published));
  }

  #vaultOf({ containerId, containerName }: SandboxRecord): SocketVault | undefined {
    try {
      return this.#options.vaultOf(containerId);
    } catch (error) {
      this.#warnUnkept(containerName, error);
      return undefined;
    }
  }

  #warnUnkept(containerName: string, error: unknown): void {
    this.#options.warn(
      `Ports of container ${containerName} are not reserved while the engine is down: ${messageOf(error)}`,
    );
  }

  /** A port that names no address goes to the one that the network is told to use, where it is. */
  #portRequests(
    wishes: readonly PortRequest[],
    { endpoints }: Pick<SandboxRecord, "endpoints">,
  ): readonly PortRequest[] {
    const outer = publishingEndpoint(endpoints, 4) ?? publishingEndpoint(endpoints, 6);
    const network = outer && this.#options.table.networkOf(outer);
    if (!network || network.options[BRIDGE_OPTION.isDefault] === "true") return wishes;
    const { hostBinding } = bridgeOptionsOf(network);
    if (hostBinding === "" || hostBinding === "0.0.0.0") return wishes;
    return wishes.map((wish) => ({ hostAddress: hostBinding, ...wish }));
  }

  /**
   * A client that sent datagrams to the port before it was published is remembered as one that nobody
   * answers, and would stay so for as long as it sends.
   */
  async #forgetDatagrams(targets: readonly PublishedTarget[]): Promise<void> {
    const { conntrack, netlink } = this.#options;
    const datagrams = targets.filter(
      ({ protocol, hostPort }) => protocol === "udp" && hostPort !== 0,
    );
    if (datagrams.length === 0) return;
    const families = new Set(datagrams.map(({ hostAddress }) => hostAddress.includes(":")));
    const named = new Set(datagrams.map(({ hostAddress }) => hostAddress));
    const isAny = named.has("0.0.0.0") || named.has("::");
    const own = isAny ? netlink.addresses().map(({ cidr }) => cidr.replace(/\/.*/, "")) : [];
    // Ports of another address go along: at worst a client's next datagram is looked up afresh.
    const addresses = new Set([...own, ...named]).values();
    await conntrack.forget({
      kind: "sent-to",
      protocol: "udp",
      addresses: [...addresses.filter((address) => families.has(address.includes(":")))],
      ports: [...new Set(datagrams.map(({ hostPort }) => hostPort))],
    });
  }

  /** Who is connected through a port that is no longer published is cut off. */
  async #forgetPublished(targets: readonly PublishedTarget[]): Promise<void> {
    const ofHost = targets.filter(({ hostPort }) => hostPort !== 0);
    if (ofHost.length === 0) return;
    await this.#options.conntrack.forget({ kind: "led-to", targets: ofHost });
  }
}

/** What a sandbox hands over to another one. */
interface Gift {
  readonly donor: LiveSandbox;
  /** What is left of it, still without its vault. */
  readonly after: LiveSandbox;
  /** Rules that end. */
  readonly targets: readonly PublishedTarget[];
}

function giftOf(donor: LiveSandbox, taken: readonly HeldPort[], held: readonly HeldPort[]): Gift {
  const keys = new Set(taken.map(({ socket }) => socket.name));
  const [targets, kept] = partition(donor.targets, (target) => keys.has(keyOf(target)));
  const ports = donor.record.ports.filter((port) => !keys.has(keyOf(port)));
  const { vault: _, ...rest } = donor;
  return {
    donor,
    after: { ...rest, record: { ...donor.record, ports }, held, targets: kept },
    targets,
  };
}

function partition<T>(
  items: readonly T[],
  isFirst: (item: T) => boolean,
): readonly [readonly T[], readonly T[]] {
  return [items.filter(isFirst), items.filter((item) => !isFirst(item))];
}
