import { ConflictError } from "#base/errors.ts";
import { BRIDGE_OPTION, bridgeOptionsOf } from "#networks/bridge/bridge-options.ts";
import type { EndpointRecord } from "#networks/driver.ts";
import type { Firewall } from "#networks/firewall/firewall.ts";
import type { PublishedTarget } from "#networks/firewall/ruleset.ts";
import { gatewayEndpoint, publishingEndpoint } from "#networks/gateway-endpoint.ts";
import type { Networks, PortChange, PortRequest, PublishedPort } from "#networks/networks.ts";
import { reserveInstead } from "#networks/ports/instead.ts";
import { keyOf, type PortAllocator, type PortReservation } from "#networks/ports/port-allocator.ts";
import type { SandboxRecord } from "#networks/records.ts";
import type { Conntrack } from "#host/conntrack.ts";
import type { Netlink } from "#host/netlink.ts";
import { type LiveSandbox, ownerOf, serviceOf, targetsOf } from "./live-sandbox.ts";
import type { SandboxTable } from "./sandbox-table.ts";

export interface SandboxPortsOptions {
  readonly table: SandboxTable;
  readonly ports: PortAllocator;
  readonly firewall: Firewall;
  readonly conntrack: Conntrack;
  readonly netlink: Netlink;
  readonly warn: (message: string) => void;
}

/** The published ports of sandboxes: reserved on the host, led to the endpoint with the default route. */
export class SandboxPorts {
  readonly #options: SandboxPortsOptions;

  constructor(options: SandboxPortsOptions) {
    this.#options = options;
  }

  /** @returns Undefined when there is nothing to publish, or nowhere to lead to. */
  async reserve(
    plan: Omit<SandboxRecord, "ports">,
    requests: readonly PortRequest[],
  ): Promise<PortReservation | undefined> {
    const outer = publishingEndpoint(plan.endpoints);
    const way = gatewayEndpoint(plan.endpoints, 4);
    if (!outer && way && requests.length > 0) {
      const driver = this.#options.table.networkOf(way)?.driver ?? "";
      this.#options.warn(
        `Container ${plan.containerName} publishes no ports: network ${way.networkName} of driver ${driver} has none`,
      );
    }
    const wishes = this.#portRequests(requests, outer);
    if (!outer || wishes.length === 0) return undefined;
    return await this.#options.ports.reserve(ownerOf(plan), wishes);
  }

  /** Puts the rules of a sandbox's ports in force. */
  async publish({ record, targets }: LiveSandbox): Promise<void> {
    await this.#options.firewall.publish(targets);
    await this.#forgetDatagrams(targetsOf(record));
  }

  async unpublish({ targets, reservations }: LiveSandbox): Promise<void> {
    const { firewall, conntrack } = this.#options;
    await firewall.unpublish(targets);
    for (const reservation of reservations) await reservation[Symbol.asyncDispose]();
    for (const address of new Set(targets.map(({ containerAddress }) => containerAddress))) {
      await conntrack.forget({ kind: "answered-by", address });
    }
  }

  /** Reserves the ports of a sandbox that lives on from another daemon. */
  async takeOver(live: LiveSandbox): Promise<void> {
    const { ports, warn, table } = this.#options;
    const { record } = live;
    if (record.ports.length === 0) return;
    const reservation = await ports.restore(ownerOf(record), record.ports);
    for (const message of reservation.lost) {
      warn(`Port of running container ${record.containerName} is no longer reserved: ${message}`);
    }
    table.set({ ...live, reservations: [reservation] });
  }

  /** Takes `after` for the sandbox; its published ports lead to the endpoint that has the default route. */
  async move(live: LiveSandbox, after: SandboxRecord): Promise<void> {
    const { firewall, ports, table } = this.#options;
    const isSame = ownerOf(live.record).endpointId === ownerOf(after).endpointId;
    if (isSame || after.ports.length === 0) {
      table.set({ ...live, record: after });
      return;
    }
    const targets = targetsOf(after);
    await firewall.change({ add: targets, remove: live.targets });
    // relays send to the address, so they are opened anew
    for (const reservation of live.reservations) await reservation[Symbol.asyncDispose]();
    const reservation = await ports.restore(ownerOf(after), after.ports);
    for (const message of reservation.lost) {
      this.#options.warn(`Port of container ${after.containerName} is lost: ${message}`);
    }
    table.set({ record: after, targets, reservations: [reservation] });
    await this.#forgetDatagrams(targets);
  }

  /** @see Networks.changePorts */
  async change(
    containerId: string,
    { add, remove }: Parameters<Networks["changePorts"]>[1],
  ): Promise<PortChange> {
    const { ports, table } = this.#options;
    const live = table.get(containerId);
    if (!live || live.closing || !publishingEndpoint(live.record.endpoints)) {
      throw new ConflictError(`Cannot change ports: container ${containerId} publishes none`);
    }
    const owner = ownerOf(live.record);
    const wishes = this.#portRequests(add, publishingEndpoint(live.record.endpoints));
    const change = { add: wishes, remove };
    const reservation = await reserveInstead(ports, live.reservations, owner, change);
    const isGone = (port: PublishedPort): boolean =>
      remove.some((gone) => keyOf(gone) === keyOf(port));
    const kept = live.record.ports.filter((port) => !isGone(port));
    const after: SandboxRecord = { ...live.record, ports: [...kept, ...reservation.published] };
    let isApplied = false;
    return {
      ports: after.ports,
      record: (which) => table.put(which === "after" ? after : live.record),
      apply: async () => {
        await this.#exchange(live, after, reservation);
        isApplied = true;
        for (const held of live.reservations) await held.release(remove);
      },
      [Symbol.asyncDispose]: async () => {
        if (!isApplied) await reservation.giveUp();
      },
    };
  }

  async #exchange(
    live: LiveSandbox,
    after: SandboxRecord,
    reservation: PortReservation,
  ): Promise<void> {
    const stays = new Set(after.ports.map(serviceOf));
    const had = new Set(live.record.ports.map(serviceOf));
    const add = targetsOf(after).filter((target) => !had.has(serviceOf(target)));
    const remove = live.targets.filter((target) => !stays.has(serviceOf(target)));
    const kept = live.targets.filter((target) => stays.has(serviceOf(target)));
    await this.#options.firewall.change({ add, remove });
    this.#options.table.set({
      record: after,
      targets: [...kept, ...add],
      reservations: [...live.reservations, reservation],
    });
    await this.#forgetDatagrams([...add, ...remove]);
  }

  /** A port that names no address goes to the one that the network is told to use, where it is. */
  #portRequests(
    wishes: readonly PortRequest[],
    outer: EndpointRecord | undefined,
  ): readonly PortRequest[] {
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
    const datagrams = targets.filter(({ protocol }) => protocol === "udp");
    if (datagrams.length === 0) return;
    const own = netlink.addresses().map(({ cidr }) => cidr.replace(/\/.*/, ""));
    // Ports of another address go along: at worst a client's next datagram is looked up afresh.
    const addresses = new Set([...own, ...datagrams.map(({ hostAddress }) => hostAddress)]);
    await conntrack.forget({
      kind: "sent-to",
      protocol: "udp",
      addresses: [...addresses],
      ports: datagrams.map(({ hostPort }) => hostPort),
    });
  }
}
