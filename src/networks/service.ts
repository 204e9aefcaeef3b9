import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Fault } from "#base/fault.ts";
import {
  ConflictError,
  invariant,
  messageOf,
  NotFoundError,
  PermissionDeniedError,
} from "#base/errors.ts";
import type { Clock } from "#host/clock.ts";
import type { Conntrack } from "#host/conntrack.ts";
import type { Namespaces } from "#host/namespaces.ts";
import type { Netlink } from "#host/netlink.ts";
import { newEndpointId, newSandboxId, type NetworkId, shortId } from "#spec/ids.ts";
import type { Collection } from "#store/store.ts";
import { BRIDGE_OPTION, bridgeOptionsOf } from "./bridge/bridge-options.ts";
import { aliasOf } from "./bridge/plan-bridge.ts";
import { type CatalogOptions, NetworkCatalog } from "./catalog.ts";
import { NameTable } from "./dns/name-table.ts";
import { DeviceSweeper } from "./device-sweeper.ts";
import type { EndpointRecord, NetworkDriver } from "./driver.ts";
import type { Firewall } from "./firewall/firewall.ts";
import { type PublishedTarget, tableNameOf } from "./firewall/ruleset.ts";
import { defaultRoute, gatewayEndpoint, nextInterfaceIndex, routesBy } from "./gateway-endpoint.ts";
import { parseInterfaceCounters } from "./interface-counters.ts";
import { parseMac } from "./ipam/mac.ts";
import type {
  Attachment,
  Endpoint,
  EndpointChange,
  InterfaceCounters,
  NetworkRecord,
  NetworkRequest,
  Networks,
  PortChange,
  PortRequest,
  PublishedPort,
  Sandbox,
  SandboxRequest,
} from "./networks.ts";
import { PREDEFINED_NETWORKS } from "./plan-network.ts";
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

export interface NetworkServiceOptions extends CatalogOptions {
  /** Folder of the namespaces' pins. */
  readonly namespaceDir: string;
  readonly sandboxes: Collection<SandboxRecord>;
  readonly netlink: Netlink;
  readonly namespaces: Namespaces;
  readonly clock: Clock;
  readonly conntrack: Conntrack;
  readonly firewall: Firewall;
  readonly ports: PortAllocator;
  readonly hostGateways: readonly string[];
  /** Reports what goes on all the same. */
  readonly warn: (message: string) => void;
}

/** IPv4 ports that rules serve; the others are relayed. */
function targetsOf(record: SandboxRecord): readonly PublishedTarget[] {
  const containerAddress = gatewayEndpoint(record.endpoints, 4)?.ipAddress;
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
  const outer = gatewayEndpoint(record.endpoints, 4);
  return {
    containerId: record.containerId,
    containerName: record.containerName,
    endpointId: outer?.id ?? "",
    address: outer?.ipAddress ?? "",
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
  /** Endpoints whose sandbox is not recorded yet: their networks are in use already. */
  readonly #planned = new Set<EndpointRecord>();
  readonly #catalog: NetworkCatalog;
  /** Who is called what, for those who live. */
  readonly names: NameTable = new NameTable();
  readonly #sweeper: DeviceSweeper;

  /** Takes the addresses of all recorded sandboxes; which of them live is for `reconcile` to learn. */
  constructor(options: NetworkServiceOptions) {
    this.#options = options;
    this.#catalog = new NetworkCatalog(options);
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
    return this.#catalog.list();
  }

  resolve(reference: string): NetworkRecord {
    return this.#catalog.resolve(reference);
  }

  create(request: NetworkRequest): Promise<NetworkRecord> {
    return this.#catalog.create(request);
  }

  async remove(networkId: NetworkId): Promise<void> {
    for (const { closing } of this.#sandboxes.values()) await closing;
    const active = [...this.#sandboxes.values()].flatMap(({ record }) =>
      record.endpoints
        .filter((endpoint) => endpoint.networkId === networkId)
        .map(({ id }) => `name:"${record.containerName}" id:"${shortId(id)}"`),
    );
    const coming = [...this.#planned]
      .filter((endpoint) => endpoint.networkId === networkId)
      .map(({ id }) => `name:"" id:"${shortId(id)}"`);
    await this.#catalog.remove(networkId, [...active, ...coming]);
  }

  renameEndpoint(containerId: string, networkId: NetworkId, dnsNames: readonly string[]): void {
    const live = this.#sandboxes.get(containerId);
    const endpoint = live?.record.endpoints.find((one) => one.networkId === networkId);
    if (!live || !endpoint) return;
    const endpoints = live.record.endpoints.map((one) =>
      one === endpoint ? { ...one, aliases: dnsNames } : one,
    );
    const record = { ...live.record, endpoints };
    this.#options.sandboxes.put(containerId, record);
    this.#sandboxes.set(containerId, { ...live, record });
    this.#tell(record);
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
    const { drivers, sandboxes, namespaces, ports } = this.#options;
    const id = newSandboxId(this.#options.randomBytes);
    await using undo = new AsyncDisposableStack();

    const endpoints: EndpointRecord[] = [];
    for (const { network, attachment } of this.#networksFor(request, kind)) {
      const endpoint = this.#planEndpoint(network, request, endpoints, attachment);
      endpoints.push(endpoint);
      this.#planned.add(endpoint);
      undo.defer(() => drivers[network.driver].releaseEndpoint(network, endpoint));
    }
    using _ = { [Symbol.dispose]: () => endpoints.forEach((one) => this.#planned.delete(one)) };
    const plan = {
      id,
      containerId: request.containerId,
      containerName: request.containerName ?? shortId(request.containerId),
      mode: request.mode,
      ...(kind === "host"
        ? {}
        : { namespacePath: join(this.#options.namespaceDir, id.slice(0, 12)) }),
      endpoints,
    };
    const outer = gatewayEndpoint(endpoints, 4);
    const wishes = this.#portRequests(request.ports, outer);
    const reservation =
      outer && wishes.length > 0 ? await ports.reserve(ownerOf(plan), wishes) : undefined;
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
    this.#tell(record);
    undo.move();
    return { record, targets, reservations: reservation ? [reservation] : [] };
  }

  #networksFor(
    request: SandboxRequest,
    kind: "bridge" | "none" | "host",
  ): readonly { readonly network: NetworkRecord; readonly attachment?: Attachment }[] {
    if (kind !== "bridge" || !request.attachments) return [{ network: this.resolve(kind) }];
    return request.attachments.map((attachment) => ({
      network: this.#networkToJoin(attachment),
      attachment,
    }));
  }

  /** @throws {NotFoundError} It is gone. {PermissionDeniedError} Nobody can be on it. */
  #networkToJoin({ networkId }: Attachment): NetworkRecord {
    const network = this.#catalog.get(networkId);
    if (!network || network.intent !== undefined) {
      throw new NotFoundError(`network ${networkId} not found`);
    }
    if (network.configOnly) {
      throw new PermissionDeniedError(
        `network ${network.name} is a configuration-only network: a container cannot be connected to it`,
      );
    }
    return network;
  }

  #planEndpoint(
    network: NetworkRecord,
    container: Pick<SandboxRequest, "containerId" | "macAddress">,
    others: readonly EndpointRecord[],
    attachment: Attachment | undefined,
  ): EndpointRecord {
    const macAddress = attachment?.macAddress ?? container.macAddress;
    return this.#options.drivers[network.driver].planEndpoint(network, {
      endpointId: newEndpointId(this.#options.randomBytes),
      containerId: container.containerId,
      interfaceIndex: nextInterfaceIndex(others),
      ...(attachment ? { attachment } : {}),
      ...(macAddress ? { macAddress: parseMac(macAddress) } : {}),
    });
  }

  /** A port that names no address goes to the one that the network is told to use, where it is. */
  #portRequests(
    wishes: readonly PortRequest[],
    outer: EndpointRecord | undefined,
  ): readonly PortRequest[] {
    const network = outer && this.#networkOf(outer);
    if (!network || network.options[BRIDGE_OPTION.isDefault] === "true") return wishes;
    const { hostBinding } = bridgeOptionsOf(network);
    if (hostBinding === "" || hostBinding === "0.0.0.0") return wishes;
    return wishes.map((wish) => ({ hostAddress: hostBinding, ...wish }));
  }

  connect(containerId: string, attachment: Attachment): EndpointChange {
    const live = this.#sandboxes.get(containerId);
    if (!live || live.closing) {
      throw new ConflictError(`Cannot connect container ${containerId}: it has no sandbox`);
    }
    const network = this.#networkToJoin(attachment);
    const { record } = live;
    if (record.endpoints.some(({ networkId }) => networkId === network.id)) {
      throw new PermissionDeniedError(
        `endpoint with name ${record.containerName} already exists in network ${network.name}`,
      );
    }
    const endpoint = this.#planEndpoint(network, { containerId }, record.endpoints, attachment);
    const after: SandboxRecord = { ...record, endpoints: [...record.endpoints, endpoint] };
    const driver = this.#options.drivers[network.driver];
    return this.#endpointChange({
      before: record,
      after,
      endpoint,
      act: async () => {
        const { namespacePath } = record;
        if (namespacePath === undefined) return;
        driver.attachEndpoint(
          network,
          endpoint,
          namespacePath,
          routesBy(endpoint, after.endpoints),
        );
        await this.#becomeReady({ ...after, endpoints: [endpoint] });
      },
      undo: async () => {
        driver.detachEndpoint(endpoint);
        if (endpoint.hostLinkName !== undefined) await this.#sweeper.remove(endpoint.hostLinkName);
      },
      release: () => driver.releaseEndpoint(network, endpoint),
    });
  }

  disconnect(containerId: string, networkId: NetworkId): EndpointChange | undefined {
    const live = this.#sandboxes.get(containerId);
    const endpoint = live?.record.endpoints.find((one) => one.networkId === networkId);
    if (!live || live.closing || !endpoint) return undefined;
    const { record } = live;
    const after: SandboxRecord = {
      ...record,
      endpoints: record.endpoints.filter((one) => one !== endpoint),
    };
    return this.#endpointChange({
      before: record,
      after,
      endpoint,
      act: async () => {
        this.#driverOf(endpoint)?.detachEndpoint(endpoint);
        if (endpoint.hostLinkName !== undefined) await this.#sweeper.remove(endpoint.hostLinkName);
        if (endpoint.ipAddress !== "") {
          await this.#options.conntrack.forget({
            kind: "answered-by",
            address: endpoint.ipAddress,
          });
        }
        this.#moveRoutes(after);
        this.#releaseAddress(endpoint);
      },
      undo: async () => {},
      release: () => {},
    });
  }

  #endpointChange(change: {
    readonly before: SandboxRecord;
    readonly after: SandboxRecord;
    readonly endpoint: EndpointRecord;
    readonly act: () => Promise<void>;
    readonly undo: () => Promise<void>;
    readonly release: () => void;
  }): EndpointChange {
    const { before, after, endpoint } = change;
    const { containerId } = before;
    const { sandboxes } = this.#options;
    this.#planned.add(endpoint);
    let isApplied = false;
    return {
      endpoint,
      record: (which) => sandboxes.put(containerId, which === "after" ? after : before),
      apply: async () => {
        try {
          await change.act();
          await this.#moveOuter(containerId, after);
        } catch (error) {
          await change.undo();
          throw error;
        }
        this.names.remove(endpoint.networkId, containerId);
        this.#tell(after);
        isApplied = true;
      },
      [Symbol.asyncDispose]: async () => {
        this.#planned.delete(endpoint);
        if (!isApplied) change.release();
      },
    };
  }

  /** The default routes as the endpoints have them now. */
  #moveRoutes({ namespacePath, endpoints }: SandboxRecord): void {
    if (namespacePath === undefined) return;
    const ops = ([4, 6] as const).flatMap((family) => {
      const outer = gatewayEndpoint(endpoints, family);
      return outer ? [defaultRoute(outer, family)] : [];
    });
    if (ops.length > 0) this.#options.netlink.apply(ops, namespacePath);
  }

  /** Takes `after` for the sandbox; its published ports lead to the endpoint that has the default route. */
  async #moveOuter(containerId: string, after: SandboxRecord): Promise<void> {
    const { firewall, ports } = this.#options;
    const live = this.#sandboxes.get(containerId);
    invariant(live, `container ${containerId} has a sandbox`);
    const isSame = ownerOf(live.record).endpointId === ownerOf(after).endpointId;
    if (isSame || after.ports.length === 0) {
      this.#sandboxes.set(containerId, { ...live, record: after });
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
    this.#sandboxes.set(containerId, { record: after, targets, reservations: [reservation] });
    await this.#forgetDatagrams(targets);
  }

  /** Puts the names of a sandbox's container into the table. */
  #tell({ containerId, endpoints }: SandboxRecord): void {
    for (const { networkId, aliases, ipAddress, ipv6Address = "" } of endpoints) {
      const addresses = [ipAddress, ipv6Address].filter((text) => text !== "");
      if (aliases.length === 0 || addresses.length === 0) continue;
      this.names.put(networkId, { containerId, addresses, names: aliases });
    }
  }

  #forgetNames({ containerId, endpoints }: SandboxRecord): void {
    for (const { networkId } of endpoints) this.names.remove(networkId, containerId);
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
      const routes = routesBy(endpoint, record.endpoints);
      drivers[network.driver].attachEndpoint(network, endpoint, namespacePath, routes);
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
    if (!live || live.closing || !gatewayEndpoint(live.record.endpoints, 4)) {
      throw new ConflictError(`Cannot change ports: container ${containerId} publishes none`);
    }
    const owner = ownerOf(live.record);
    const wishes = this.#portRequests(add, gatewayEndpoint(live.record.endpoints, 4));
    const change = { add: wishes, remove };
    const reservation = await reserveInstead(ports, live.reservations, owner, change);
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
    this.#forgetNames(record);
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
    await this.#catalog.finish();
    for (const network of this.#catalog.inUse()) this.#bringBack(network);
    for (const [containerId, live] of this.#sandboxes) {
      if (liveContainerIds.has(containerId)) await this.#takeOver(live);
      else this.#forget(live);
    }
    await this.#removeLeftovers();
    const rules = this.#catalog
      .inUse()
      .flatMap((network) => drivers[network.driver].rules(network) ?? []);
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
      if (!network) continue;
      const driver = drivers[network.driver];
      if (driver.isEndpointAttached(endpoint)) driver.restoreEndpoint(network, endpoint);
      else this.#attachAgain(record, network, endpoint);
    }
    this.#tell(record);
    await this.#becomeReady(record);
    if (record.ports.length === 0) return;
    const reservation = await ports.restore(ownerOf(record), record.ports);
    for (const message of reservation.lost) {
      warn(`Port of running container ${record.containerName} is no longer reserved: ${message}`);
    }
    this.#sandboxes.set(record.containerId, { ...live, reservations: [reservation] });
  }

  /** A daemon was killed while it connected the container: recorded, not done. */
  #attachAgain(record: SandboxRecord, network: NetworkRecord, endpoint: EndpointRecord): void {
    const { drivers, warn } = this.#options;
    const { namespacePath, containerName } = record;
    if (namespacePath === undefined || !existsSync(namespacePath)) return;
    try {
      const routes = routesBy(endpoint, record.endpoints);
      drivers[network.driver].attachEndpoint(network, endpoint, namespacePath, routes);
    } catch (error) {
      warn(`Cannot connect ${containerName} to network ${network.name}: ${messageOf(error)}`);
    }
  }

  /** One network that cannot be made again, its bridge's name taken for one, stops no engine. */
  #bringBack(network: NetworkRecord): void {
    const driver = this.#options.drivers[network.driver];
    if (PREDEFINED_NETWORKS.has(network.name)) return driver.bringUp(network);
    try {
      driver.bringUp(network);
    } catch (error) {
      this.#options.warn(`Cannot bring network ${network.name} up: ${messageOf(error)}`);
    }
  }

  #forget(live: LiveSandbox): void {
    const { record } = live;
    this.#forgetNames(record);
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
      ...this.#catalog.inUse().map((network) => drivers[network.driver].rules(network)?.bridgeName),
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
    for (const network of this.#catalog.inUse()) await drivers[network.driver].takeDown(network);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sweeper[Symbol.asyncDispose]();
    for (const { reservations } of this.#sandboxes.values()) {
      for (const reservation of reservations) await reservation[Symbol.asyncDispose]();
    }
  }
}
