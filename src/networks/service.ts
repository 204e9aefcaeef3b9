import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Fault } from "#base/fault.ts";
import { ConflictError, invariant, messageOf, NotFoundError } from "#base/errors.ts";
import type { Clock } from "#host/clock.ts";
import type { Conntrack } from "#host/conntrack.ts";
import type { Namespaces } from "#host/namespaces.ts";
import type { Netlink } from "#host/netlink.ts";
import { newEndpointId, newSandboxId, type RandomBytes, shortId } from "#spec/ids.ts";
import type { Collection } from "#store/store.ts";
import { aliasOf } from "./bridge/plan-bridge.ts";
import { DeviceSweeper } from "./device-sweeper.ts";
import type { EndpointRecord, NetworkDriver } from "./driver.ts";
import type { Firewall } from "./firewall/firewall.ts";
import { type PublishedTarget, tableNameOf } from "./firewall/ruleset.ts";
import { parseInterfaceCounters } from "./interface-counters.ts";
import { parseMac } from "./ipam/mac.ts";
import type {
  Endpoint,
  InterfaceCounters,
  NetworkRecord,
  Networks,
  PortChange,
  PublishedPort,
  Sandbox,
  SandboxRequest,
} from "./networks.ts";
import { reserveInstead } from "./ports/instead.ts";
import {
  keyOf,
  type PortAllocator,
  type PortOwner,
  type PortReservation,
} from "./ports/port-allocator.ts";
import type { SandboxRecord } from "./records.ts";

/** How long an endpoint may take until packets arrive; a busy kernel takes 50. */
const READY_MS = 500;

interface LiveSandbox {
  readonly record: SandboxRecord;
  readonly reservations: readonly PortReservation[];
  readonly targets: readonly PublishedTarget[];
  closing?: Promise<void>;
}

export interface NetworkServiceOptions {
  readonly engineId: string;
  /** Folder of the namespaces' pins. */
  readonly namespaceDir: string;
  readonly networks: Collection<NetworkRecord>;
  readonly sandboxes: Collection<SandboxRecord>;
  readonly drivers: Readonly<Record<NetworkRecord["driver"], NetworkDriver>>;
  readonly netlink: Netlink;
  readonly namespaces: Namespaces;
  readonly clock: Clock;
  readonly conntrack: Conntrack;
  readonly firewall: Firewall;
  readonly ports: PortAllocator;
  readonly hostGateways: readonly string[];
  /** Reports what goes on all the same. */
  readonly warn: (message: string) => void;
  readonly randomBytes: RandomBytes;
}

/** IPv4 ports that rules serve; the others are relayed. */
function targetsOf(record: SandboxRecord): readonly PublishedTarget[] {
  const containerAddress = record.endpoints[0]?.ipAddress;
  if (!containerAddress) return [];
  return record.ports
    .filter(({ hostAddress }) => !hostAddress.includes(":"))
    .map(({ protocol, hostAddress, hostPort, containerPort }) => ({
      protocol,
      hostAddress,
      hostPort,
      containerAddress,
      containerPort,
    }));
}

/** What a port of the host leads to: the same on both sides of a change. */
function serviceOf(port: Omit<PublishedPort, "containerAddress">): string {
  return `${keyOf(port)} ${port.containerPort}`;
}

function ownerOf(record: Omit<SandboxRecord, "ports">): PortOwner {
  return {
    containerId: record.containerId,
    containerName: record.containerName,
    endpointId: record.endpoints[0]?.id ?? "",
    address: record.endpoints[0]?.ipAddress ?? "",
  };
}

/**
 * Sandboxes and their endpoints. The record of a sandbox is written whole before anything of it is made:
 * addresses, device names and ports are decided first. Whatever a crash leaves is therefore known by name,
 * and a sandbox whose container does not live is removed from its record alone.
 */
export class NetworkService implements Networks {
  readonly #options: NetworkServiceOptions;
  readonly #sandboxes = new Map<string, LiveSandbox>();
  readonly #opening = new Set<string>();
  readonly #sweeper: DeviceSweeper;

  /** Takes the addresses of all recorded sandboxes; which of them live is for `reconcile` to learn. */
  constructor(options: NetworkServiceOptions) {
    this.#options = options;
    this.#sweeper = new DeviceSweeper({
      netlink: options.netlink,
      clock: options.clock,
      warn: options.warn,
    });
    for (const [containerId, record] of options.sandboxes.entries()) {
      this.#adoptAddresses(record);
      this.#sandboxes.set(containerId, { record, reservations: [], targets: targetsOf(record) });
    }
  }

  list(): readonly NetworkRecord[] {
    const networks = this.#options.networks.entries().map(([, network]) => network);
    return networks.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  resolve(reference: string): NetworkRecord {
    const networks = this.list();
    const exact =
      networks.find(({ name }) => name === reference) ??
      networks.find(({ id }) => id === reference);
    if (exact) return exact;
    const matches = reference === "" ? [] : networks.filter(({ id }) => id.startsWith(reference));
    if (matches.length > 1) {
      throw new ConflictError(
        `network ${reference} is ambiguous (${matches.length} matches found based on ID prefix)`,
      );
    }
    if (!matches[0]) throw new NotFoundError(`network ${reference} not found`);
    return matches[0];
  }

  endpointsOf(networkId: string): readonly { containerId: string; endpoint: Endpoint }[] {
    return [...this.#sandboxes.values()].flatMap(({ record }) =>
      record.endpoints
        .filter((endpoint) => endpoint.networkId === networkId)
        .map((endpoint) => ({ containerId: record.containerId, endpoint })),
    );
  }

  sandboxOf(containerId: string): Sandbox | undefined {
    return this.#sandboxes.get(containerId)?.record;
  }

  hostGatewayAddresses(): readonly string[] {
    const { hostGateways } = this.#options;
    if (hostGateways.length > 0) return hostGateways;
    const gateway = this.list().find(({ name }) => name === "bridge")?.pools[0]?.gateway;
    return gateway === undefined ? [] : [gateway];
  }

  async openSandbox(request: SandboxRequest, signal: AbortSignal): Promise<Sandbox> {
    signal.throwIfAborted();
    const { containerId } = request;
    if (this.#sandboxes.has(containerId) || this.#opening.has(containerId)) {
      throw new ConflictError(`Cannot set up networking: container ${containerId} has a sandbox`);
    }
    this.#opening.add(containerId);
    try {
      const sandbox =
        request.mode.kind === "container"
          ? this.#joinSandbox(request, request.mode.containerId)
          : await this.#makeSandbox(request, request.mode.kind, signal);
      this.#sandboxes.set(containerId, sandbox);
      return sandbox.record;
    } finally {
      this.#opening.delete(containerId);
    }
  }

  #joinSandbox(request: SandboxRequest, targetId: string): LiveSandbox {
    const target = this.#sandboxes.get(targetId);
    if (!target || target.closing) {
      throw new ConflictError(
        `cannot join network namespace of a non running container: container ${targetId} is not running`,
      );
    }
    const { namespacePath } = target.record;
    const record: SandboxRecord = {
      id: target.record.id,
      containerId: request.containerId,
      containerName: request.containerName ?? shortId(request.containerId),
      mode: request.mode,
      ...(namespacePath === undefined ? {} : { namespacePath }),
      endpoints: [],
      ports: [],
    };
    this.#options.sandboxes.put(record.containerId, record);
    return { record, reservations: [], targets: [] };
  }

  async #makeSandbox(
    request: SandboxRequest,
    kind: "bridge" | "none" | "host",
    signal: AbortSignal,
  ): Promise<LiveSandbox> {
    const { drivers, sandboxes, namespaces, ports, randomBytes } = this.#options;
    const network = this.resolve(kind);
    const driver = drivers[network.driver];
    const id = newSandboxId(randomBytes);
    await using undo = new AsyncDisposableStack();

    const endpoint = driver.planEndpoint(network, {
      endpointId: newEndpointId(randomBytes),
      containerId: request.containerId,
      interfaceIndex: 0,
      ...(request.macAddress ? { macAddress: parseMac(request.macAddress) } : {}),
    });
    undo.defer(() => driver.releaseEndpoint(network, endpoint));
    const plan = {
      id,
      containerId: request.containerId,
      containerName: request.containerName ?? shortId(request.containerId),
      mode: request.mode,
      ...(kind === "host"
        ? {}
        : { namespacePath: join(this.#options.namespaceDir, id.slice(0, 12)) }),
      endpoints: [endpoint],
    };
    const hasPorts = endpoint.ipAddress !== "" && request.ports.length > 0;
    const reservation = hasPorts ? await ports.reserve(ownerOf(plan), request.ports) : undefined;
    if (reservation) undo.use(reservation);
    const record: SandboxRecord = { ...plan, ports: reservation?.published ?? [] };
    const targets = targetsOf(record);
    signal.throwIfAborted();

    sandboxes.put(record.containerId, record);
    undo.defer(() => void sandboxes.delete(record.containerId));
    const { namespacePath } = record;
    if (namespacePath !== undefined) {
      undo.defer(() => this.#dropNamespace(record));
      if (request.makeNamespace) await request.makeNamespace(namespacePath);
      else namespaces.createNetwork(namespacePath);
    }
    undo.move();
    return { record, targets, reservations: reservation ? [reservation] : [] };
  }

  async connectSandbox(containerId: string, signal: AbortSignal): Promise<void> {
    const { drivers, networks, firewall } = this.#options;
    const live = this.#sandboxes.get(containerId);
    invariant(live, `container ${containerId} has a sandbox`);
    const { record, targets } = live;
    const { namespacePath } = record;
    for (const endpoint of record.endpoints) {
      const network = networks.get(endpoint.networkId);
      if (namespacePath === undefined || !network) continue;
      drivers[network.driver].attachEndpoint(network, endpoint, namespacePath);
    }
    await firewall.publish(targets);
    await this.#forgetDatagrams(targetsOf(record));
    await this.#becomeReady(record);
    signal.throwIfAborted();
  }

  /** A packet lost here would be sent again a second later: the container's first connection would wait. */
  async #becomeReady(record: SandboxRecord): Promise<void> {
    const { drivers, clock } = this.#options;
    const deadlineMs = clock.monotonicMs() + READY_MS;
    for (const endpoint of record.endpoints) {
      const network = this.#networkOf(endpoint);
      if (!network) continue;
      while (!drivers[network.driver].isEndpointReady(network, endpoint)) {
        if (clock.monotonicMs() > deadlineMs) return;
        await clock.delay(1);
      }
    }
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

  async changePorts(
    containerId: string,
    { add, remove }: Parameters<Networks["changePorts"]>[1],
  ): Promise<PortChange> {
    const { ports, sandboxes } = this.#options;
    const live = this.#sandboxes.get(containerId);
    if (!live || live.closing || !live.record.endpoints[0]?.ipAddress) {
      throw new ConflictError(`Cannot change ports: container ${containerId} publishes none`);
    }
    const owner = ownerOf(live.record);
    const reservation = await reserveInstead(ports, live.reservations, owner, { add, remove });
    const isGone = (port: PublishedPort): boolean =>
      remove.some((gone) => keyOf(gone) === keyOf(port));
    const kept = live.record.ports.filter((port) => !isGone(port));
    const after: SandboxRecord = { ...live.record, ports: [...kept, ...reservation.published] };
    let isApplied = false;
    return {
      ports: after.ports,
      record: (which) => sandboxes.put(containerId, which === "after" ? after : live.record),
      apply: async () => {
        await this.#exchangePorts(live, after, reservation);
        isApplied = true;
        for (const held of live.reservations) await held.release(remove);
      },
      [Symbol.asyncDispose]: async () => {
        if (!isApplied) await reservation.giveUp();
      },
    };
  }

  async #exchangePorts(
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
    this.#sandboxes.set(after.containerId, {
      record: after,
      targets: [...kept, ...add],
      reservations: [...live.reservations, reservation],
    });
    await this.#forgetDatagrams([...add, ...remove]);
  }

  async closeSandbox(containerId: string): Promise<void> {
    const live = this.#sandboxes.get(containerId);
    if (!live) return;
    live.closing ??= this.#close(live).finally(() => delete live.closing);
    await live.closing;
  }

  /** Outside in: nobody is led to an address that is about to be given away. */
  async #close(live: LiveSandbox): Promise<void> {
    const { sandboxes, firewall, conntrack } = this.#options;
    const { record, targets, reservations } = live;
    await firewall.unpublish(targets);
    for (const reservation of reservations) await reservation[Symbol.asyncDispose]();
    for (const address of new Set(targets.map(({ containerAddress }) => containerAddress))) {
      await conntrack.forget({ kind: "answered-by", address });
    }
    if (record.mode.kind !== "container") {
      this.#dropNamespace(record);
      if (this.#hasJoiners(record)) await this.#removeDevices(record);
      for (const endpoint of record.endpoints) this.#releaseAddress(endpoint);
    }
    sandboxes.delete(record.containerId);
    this.#sandboxes.delete(record.containerId);
  }

  #hasJoiners(record: SandboxRecord): boolean {
    return this.#sandboxes
      .values()
      .some(
        ({ record: { mode } }) =>
          mode.kind === "container" && mode.containerId === record.containerId,
      );
  }

  /** The namespace lives on with those who joined it: the kernel will not take the devices away. */
  async #removeDevices(record: SandboxRecord): Promise<void> {
    for (const { hostLinkName } of record.endpoints) {
      if (hostLinkName !== undefined) await this.#sweeper.remove(hostLinkName);
    }
  }

  #dropNamespace(record: SandboxRecord): void {
    for (const endpoint of record.endpoints) {
      this.#driverOf(endpoint)?.detachEndpoint(endpoint);
      if (endpoint.hostLinkName !== undefined) this.#sweeper.expectGone(endpoint.hostLinkName);
    }
    if (record.namespacePath !== undefined) {
      this.#options.namespaces.removeNetwork(record.namespacePath);
    }
  }

  #networkOf(endpoint: EndpointRecord): NetworkRecord | undefined {
    return this.#options.networks.get(endpoint.networkId);
  }

  #driverOf(endpoint: EndpointRecord): NetworkDriver | undefined {
    const network = this.#networkOf(endpoint);
    return network && this.#options.drivers[network.driver];
  }

  #releaseAddress(endpoint: EndpointRecord): void {
    const network = this.#networkOf(endpoint);
    if (network) this.#options.drivers[network.driver].releaseEndpoint(network, endpoint);
  }

  #adoptAddresses(record: SandboxRecord): void {
    for (const endpoint of record.endpoints) {
      const network = this.#networkOf(endpoint);
      if (!network) continue;
      try {
        this.#options.drivers[network.driver].adoptEndpoint(network, endpoint);
      } catch (error) {
        this.#options.warn(
          `Container ${record.containerName} keeps address ${endpoint.ipAddress} of an earlier network: ` +
            messageOf(error),
        );
      }
    }
  }

  counters(containerId: string): Readonly<Record<string, InterfaceCounters>> {
    const path = this.#sandboxes.get(containerId)?.record.namespacePath;
    // A container that joined another's namespace may outlive that one's pin.
    if (path === undefined || !existsSync(path)) return {};
    return this.#options.namespaces.inNetwork(path, () =>
      // Not /proc/net/dev: that is the process's, and only this thread has changed its namespace.
      parseInterfaceCounters(readFileSync("/proc/thread-self/net/dev", "utf8")),
    );
  }

  async reconcile(liveContainerIds: ReadonlySet<string>): Promise<void> {
    const { drivers, firewall, namespaceDir } = this.#options;
    mkdirSync(namespaceDir, { recursive: true });
    for (const network of this.list()) drivers[network.driver].bringUp(network);
    for (const [containerId, live] of this.#sandboxes) {
      if (liveContainerIds.has(containerId)) await this.#takeOver(live);
      else this.#forget(live);
    }
    await this.#removeLeftovers();
    const rules = this.list().flatMap((network) => drivers[network.driver].rules(network) ?? []);
    await firewall.install(
      rules,
      [...this.#sandboxes.values()].flatMap(({ targets }) => targets),
    );
  }

  async #takeOver(live: LiveSandbox): Promise<void> {
    const { drivers, ports, warn } = this.#options;
    const { record } = live;
    for (const endpoint of record.endpoints) {
      const network = this.#networkOf(endpoint);
      if (network) drivers[network.driver].restoreEndpoint(network, endpoint);
    }
    await this.#becomeReady(record);
    if (record.ports.length === 0) return;
    const reservation = await ports.restore(ownerOf(record), record.ports);
    for (const message of reservation.lost) {
      warn(`Port of running container ${record.containerName} is no longer reserved: ${message}`);
    }
    this.#sandboxes.set(record.containerId, { ...live, reservations: [reservation] });
  }

  #forget(live: LiveSandbox): void {
    const { record } = live;
    if (record.mode.kind !== "container") {
      this.#dropNamespace(record);
      for (const endpoint of record.endpoints) this.#releaseAddress(endpoint);
    }
    this.#options.sandboxes.delete(record.containerId);
    this.#sandboxes.delete(record.containerId);
  }

  async #removeLeftovers(): Promise<void> {
    const { namespaces } = this.#options;
    const { links, pins } = this.#leftovers();
    for (const name of links) await this.#sweeper.remove(name);
    for (const path of pins) namespaces.removeNetwork(path);
  }

  /** Devices with our alias and pins in our folder that no record names. */
  #leftovers(): { readonly links: readonly string[]; readonly pins: readonly string[] } {
    const { netlink, namespaceDir, engineId, drivers } = this.#options;
    const records = [...this.#sandboxes.values()].map(({ record }) => record);
    const keep = new Set<string | undefined>([
      ...records.flatMap(({ endpoints }) => endpoints.map((endpoint) => endpoint.hostLinkName)),
      ...this.list().map((network) => drivers[network.driver].rules(network)?.bridgeName),
      ...this.#sweeper.expected(),
    ]);
    const own = netlink.links().filter(({ alias }) => alias === aliasOf(engineId));
    const pinned = new Set(records.map(({ namespacePath }) => namespacePath));
    return {
      links: own.map(({ name }) => name).filter((name) => !keep.has(name)),
      pins: readdirSync(namespaceDir)
        .map((name) => join(namespaceDir, name))
        .filter((path) => !pinned.has(path)),
    };
  }

  async audit(): Promise<readonly Fault[]> {
    const { firewall, namespaces } = this.#options;
    const { links, pins } = this.#leftovers();
    const linkFault = (name: string): Fault => ({
      kind: "link",
      subject: name,
      explanation: `Device ${name} is this engine's and belongs to no container or network`,
      mend: {
        words: "delete the device",
        apply: async () => {
          if (this.#leftovers().links.includes(name)) await this.#sweeper.remove(name);
        },
      },
    });
    const pinFault = (path: string): Fault => ({
      kind: "namespace",
      subject: path,
      explanation: "The network namespace that is pinned here belongs to no container",
      mend: {
        words: "remove the pin",
        apply: async () => {
          if (this.#leftovers().pins.includes(path)) namespaces.removeNetwork(path);
        },
      },
    });
    const ruleFaults = (await firewall.hasDrifted(namespaces)) ? [this.#ruleFault()] : [];
    return [...links.map(linkFault), ...pins.map(pinFault), ...ruleFaults];
  }

  #ruleFault(): Fault {
    const { firewall, engineId } = this.#options;
    return {
      kind: "rules",
      subject: tableNameOf(engineId),
      explanation:
        "The engine's nftables table is not as it should be: published ports or the isolation of networks may not work",
      mend: { words: "put the table in order", apply: () => firewall.restore() },
    };
  }

  async teardown(): Promise<void> {
    const { drivers, firewall } = this.#options;
    await Promise.all([...this.#sandboxes.keys()].map((id) => this.closeSandbox(id)));
    await this.#sweeper.settled();
    await firewall.remove();
    for (const network of this.list()) await drivers[network.driver].takeDown(network);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sweeper[Symbol.asyncDispose]();
    for (const { reservations } of this.#sandboxes.values()) {
      for (const reservation of reservations) await reservation[Symbol.asyncDispose]();
    }
  }
}
