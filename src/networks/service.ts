import { existsSync, mkdirSync, readFileSync } from "node:fs";
import type { Fault } from "#base/fault.ts";
import { invariant, messageOf } from "#base/errors.ts";
import type { Clock } from "#host/clock.ts";
import type { Conntrack } from "#host/conntrack.ts";
import type { LocalPorts } from "#host/local-ports.ts";
import type { Namespaces } from "#host/namespaces.ts";
import type { Netlink } from "#host/netlink.ts";
import type { SocketVault } from "#host/sockets.ts";
import { type NetworkId, shortId } from "#spec/ids.ts";
import type { Collection } from "#store/store.ts";
import { type CatalogOptions, NetworkCatalog } from "./catalog.ts";
import type { NameServers } from "./dns/name-servers.ts";
import { DeviceSweeper } from "./device-sweeper.ts";
import type { EndpointRecord } from "./driver.ts";
import type { Firewall } from "./firewall/firewall.ts";
import type { ForeignRules } from "./firewall/foreign-rules.ts";
import type { Strangers } from "./firewall/strangers.ts";
import type { RuleWatch } from "./firewall/rule-watch.ts";
import { tableNameOf } from "./firewall/ruleset.ts";
import { parseInterfaceCounters } from "./interface-counters.ts";
import type { Ipam } from "./ipam/ipam.ts";
import type {
  Attachment,
  EndpointChange,
  InterfaceCounters,
  NetworkRecord,
  NetworkRequest,
  Networks,
  PortChange,
  Sandbox,
  SandboxRequest,
} from "./networks.ts";
import { PREDEFINED_NETWORKS } from "./plan-network.ts";
import type { PortAllocator } from "./ports/port-allocator.ts";
import type { SandboxRecord } from "./records.ts";
import { EndpointChanges } from "./sandboxes/endpoint-changes.ts";
import { Leftovers } from "./sandboxes/leftovers.ts";
import type { LiveSandbox } from "./sandboxes/live-sandbox.ts";
import { SandboxDevices } from "./sandboxes/sandbox-devices.ts";
import { SandboxDns } from "./sandboxes/sandbox-dns.ts";
import { SandboxOpener } from "./sandboxes/sandbox-opener.ts";
import { SandboxPorts } from "./sandboxes/sandbox-ports.ts";
import { SandboxTable } from "./sandboxes/sandbox-table.ts";

export interface NetworkServiceOptions extends CatalogOptions {
  /** Folder of the namespaces' pins. */
  readonly namespaceDir: string;
  readonly ipam: Ipam;
  readonly sandboxes: Collection<SandboxRecord>;
  readonly netlink: Netlink;
  readonly namespaces: Namespaces;
  readonly clock: Clock;
  readonly conntrack: Conntrack;
  readonly firewall: Firewall;
  /** That the rules make use of; of the engine's alias. */
  readonly firewallDevice?: string;
  readonly foreign: ForeignRules;
  readonly strangers: Strangers;
  readonly watch: RuleWatch;
  readonly ports: PortAllocator;
  readonly localPorts: LocalPorts;
  readonly nameServers: NameServers;
  readonly hostGateways: readonly string[];
  /** Where the sockets of a running container are kept while no daemon runs; the caller's to dispose. */
  readonly vaultOf: (containerId: string) => SocketVault | undefined;
  /** Reports what goes on all the same. */
  readonly warn: (message: string) => void;
}

/**
 * Networks, sandboxes and their endpoints. The record of a sandbox is written whole before anything of it is made:
 * addresses, device names and ports are decided first. Whatever a crash leaves is therefore known by name,
 * and a sandbox whose container does not live is removed from its record alone.
 */
export class NetworkService implements Networks {
  readonly #options: NetworkServiceOptions;
  readonly #catalog: NetworkCatalog;
  readonly #sweeper: DeviceSweeper;
  readonly #table: SandboxTable;
  readonly #devices: SandboxDevices;
  readonly #ports: SandboxPorts;
  readonly #opener: SandboxOpener;
  readonly #dns: SandboxDns;
  readonly #changes: EndpointChanges;
  readonly #leftovers: Leftovers;

  /** Takes the addresses of all recorded sandboxes; which of them live is for `reconcile` to learn. */
  constructor(options: NetworkServiceOptions) {
    const catalog = new NetworkCatalog(options);
    const sweeper = new DeviceSweeper(options);
    const table = new SandboxTable({ ...options, catalog });
    const dns = new SandboxDns({ ...options, table });
    const devices = new SandboxDevices({ ...options, table, sweeper });
    const ports = new SandboxPorts({ ...options, table });
    const opener = new SandboxOpener({ ...options, table, devices, ports, catalog });
    this.#options = options;
    this.#catalog = catalog;
    this.#sweeper = sweeper;
    this.#table = table;
    this.#devices = devices;
    this.#ports = ports;
    this.#opener = opener;
    this.#dns = dns;
    this.#changes = new EndpointChanges({ ...options, table, devices, ports, opener, dns });
    this.#leftovers = new Leftovers({ ...options, table, catalog, sweeper });
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
    for (const { closing } of this.#table.all()) await closing;
    const active = this.#table
      .endpointsOn(networkId)
      .map(({ name, endpoint }) => `name:"${name}" id:"${shortId(endpoint.id)}"`);
    await this.#catalog.remove(networkId, active);
  }

  connect(containerId: string, attachment: Attachment): Promise<EndpointChange> {
    return this.#changes.connect(containerId, attachment);
  }

  disconnect(
    containerId: string,
    networkId: NetworkId,
    options?: { readonly isForced: boolean },
  ): EndpointChange | undefined {
    return this.#changes.disconnect(containerId, networkId, options);
  }

  renameEndpoint(containerId: string, networkId: NetworkId, dnsNames: readonly string[]): void {
    this.#changes.rename(containerId, networkId, dnsNames);
  }

  endpointsOf(networkId: NetworkId): ReturnType<Networks["endpointsOf"]> {
    return this.#table.all().flatMap(({ record }) =>
      record.endpoints
        .filter((endpoint) => endpoint.networkId === networkId)
        .map((endpoint) => ({
          containerId: record.containerId,
          containerName: record.containerName,
          endpoint,
        })),
    );
  }

  sandboxOf(containerId: string): Sandbox | undefined {
    return this.#table.get(containerId)?.record;
  }

  hostGatewayAddresses(): readonly string[] {
    const { hostGateways } = this.#options;
    if (hostGateways.length > 0) return hostGateways;
    const bridge = this.list().find(({ name }) => name === "bridge");
    return bridge?.pools.map(({ gateway }) => gateway) ?? [];
  }

  openSandbox(request: SandboxRequest, signal: AbortSignal): Promise<Sandbox> {
    return this.#opener.open(request, signal);
  }

  async connectSandbox(containerId: string, signal: AbortSignal): Promise<void> {
    const live = this.#table.get(containerId);
    invariant(live, `container ${containerId} has a sandbox`);
    // names are served on a thread of their own, and need no device; where one fails both are there to be taken away
    const [named, attached] = await Promise.allSettled([
      this.#dns.bringUp(live.record),
      this.#attachAll(live),
    ]);
    if (attached.status === "rejected") throw attached.reason;
    if (named.status === "rejected") throw named.reason;
    const { value: record } = attached;
    if (record !== live.record) await this.#dns.bringUp(record);
    await this.#ports.publish(this.#table.get(containerId) ?? live);
    await this.#devices.becomeReady(record.endpoints);
    this.#devices.announce(record, record.endpoints);
    signal.throwIfAborted();
  }

  /** @returns The sandbox as its drivers made it. */
  async #attachAll(live: LiveSandbox): Promise<SandboxRecord> {
    const endpoints: EndpointRecord[] = [];
    for (const endpoint of live.record.endpoints) {
      endpoints.push(await this.#devices.attach(live.record, endpoint));
    }
    const record = this.#devices.settle(live.record, endpoints);
    if (record !== live.record) {
      await this.#ports.move(live, record);
      this.#table.tell(record);
    }
    return record;
  }

  changePorts(
    containerId: string,
    change: Parameters<Networks["changePorts"]>[1],
  ): Promise<PortChange> {
    return this.#ports.change(containerId, change);
  }

  async closeSandbox(containerId: string): Promise<void> {
    const live = this.#table.get(containerId);
    if (!live) return;
    live.closing ??= this.#close(live).finally(() => delete live.closing);
    await live.closing;
  }

  /** Outside in: nobody is led to an address that is about to be given away. */
  async #close(live: LiveSandbox): Promise<void> {
    const { record } = live;
    this.#table.forgetNames(record);
    await this.#dns.close(record.containerId);
    await this.#ports.unpublish(live);
    if (record.mode.kind !== "container") {
      await this.#devices.dropNamespace(record);
      if (this.#table.hasJoiners(record)) await this.#devices.removeAll(record);
      for (const endpoint of record.endpoints) await this.#table.releaseAddress(endpoint);
    }
    this.#table.delete(record.containerId);
  }

  counters(containerId: string): Readonly<Record<string, InterfaceCounters>> {
    const path = this.#table.get(containerId)?.record.namespacePath;
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
    const resuming = this.#resumeDns(liveContainerIds);
    await this.#catalog.finish();
    for (const network of this.#catalog.inUse()) await this.#bringBack(network);
    for (const live of this.#table.all()) {
      if (liveContainerIds.has(live.record.containerId)) await this.#takeOver(live);
      else await this.#forget(live);
    }
    await resuming;
    await this.#leftovers.remove();
    await this.#replayAddresses();
    const rules = this.#catalog
      .inUse()
      .flatMap((network) => drivers.of(network).rules(network) ?? []);
    await firewall.install(
      rules,
      this.#table.all().flatMap(({ targets }) => targets),
    );
    this.#options.watch.begin();
  }

  /** First of all, and all names before the first server: one that is not known yet would be asked of others. */
  async #resumeDns(liveContainerIds: ReadonlySet<string>): Promise<void> {
    const records = this.#table
      .all()
      .map(({ record }) => record)
      .filter(({ containerId }) => liveContainerIds.has(containerId));
    for (const record of records) this.#table.tell(record);
    await Promise.all(records.map((record) => this.#dns.takeOver(record)));
  }

  async #replayAddresses(): Promise<void> {
    const { ipam, warn } = this.#options;
    for (const network of this.#catalog.inUse()) {
      try {
        await ipam.replay(network);
      } catch (error) {
        warn(`Cannot tell who gives the addresses of network ${network.name}: ${messageOf(error)}`);
      }
    }
  }

  async #takeOver(live: LiveSandbox): Promise<void> {
    const record = await this.#devices.restore(live.record);
    this.#table.set({ ...live, record });
    this.#table.tell(record);
    await this.#devices.becomeReady(record.endpoints);
    await this.#ports.takeOver(this.#table.get(record.containerId) ?? live);
  }

  /** One network that cannot be made again, its bridge's name taken for one, stops no engine. */
  async #bringBack(network: NetworkRecord): Promise<void> {
    const driver = this.#options.drivers.of(network);
    if (PREDEFINED_NETWORKS.has(network.name)) return await driver.bringUp(network, "restart");
    try {
      await driver.bringUp(network, "restart");
    } catch (error) {
      this.#options.warn(`Cannot bring network ${network.name} up: ${messageOf(error)}`);
    }
  }

  async #forget({ record }: LiveSandbox): Promise<void> {
    this.#table.forgetNames(record);
    await this.#options.nameServers.close(record.containerId); // may have been resumed
    if (record.mode.kind !== "container") {
      await this.#devices.dropNamespace(record);
      for (const endpoint of record.endpoints) await this.#table.releaseAddress(endpoint);
    }
    this.#table.delete(record.containerId);
  }

  async audit(): Promise<readonly Fault[]> {
    const { firewall, namespaces } = this.#options;
    const faults = this.#leftovers.faults();
    return (await firewall.hasDrifted(namespaces)) ? [...faults, this.#ruleFault()] : faults;
  }

  auditOthers(): Promise<readonly Fault[]> {
    return this.#options.strangers.faults();
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

  warnings(): readonly string[] {
    return this.#options.foreign.warnings;
  }

  async teardown(): Promise<void> {
    const { firewall, foreign, watch, firewallDevice } = this.#options;
    watch[Symbol.dispose]();
    const ids = this.#table.all().map(({ record }) => record.containerId);
    await Promise.all(ids.map((id) => this.closeSandbox(id)));
    await this.#sweeper.settled();
    await firewall.remove();
    await foreign.remove();
    if (firewallDevice !== undefined) await this.#sweeper.remove(firewallDevice);
    await this.#catalog.takeDown();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#options.watch[Symbol.dispose]();
    await this.#options.nameServers[Symbol.asyncDispose]();
    await this.#sweeper[Symbol.asyncDispose]();
    for (const live of this.#table.all()) await this.#ports.leave(live);
  }
}
