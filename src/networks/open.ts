import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { InvalidArgumentError } from "#base/errors.ts";
import type { Clock } from "#host/clock.ts";
import type { Conntrack } from "#host/conntrack.ts";
import type { LocalPorts } from "#host/local-ports.ts";
import type { Namespaces } from "#host/namespaces.ts";
import type { Netlink } from "#host/netlink.ts";
import type { Nft } from "#host/nft.ts";
import type { Processes } from "#host/processes.ts";
import type { Sockets, SocketVault } from "#host/sockets.ts";
import type { Plugins } from "#plugins/plugins.ts";
import { newNetworkId, type RandomBytes } from "#spec/ids.ts";
import type { Collection, Store } from "#store/store.ts";
import { BridgeDriver } from "./bridge/bridge-driver.ts";
import { decideDefaultNetwork } from "./bridge/default-network.ts";
import type { NetworksConfig } from "./config.ts";
import type { NameServers } from "./dns/name-servers.ts";
import { DriverTable } from "./driver-table.ts";
import { makeAdmissionDevices, planAdmission } from "./firewall/admission.ts";
import { Firewall } from "./firewall/firewall.ts";
import { ForeignRules } from "./firewall/foreign-rules.ts";
import { Strangers } from "./firewall/strangers.ts";
import { RuleWatch } from "./firewall/rule-watch.ts";
import { tableNameOf } from "./firewall/ruleset.ts";
import { HostDriver } from "./host/host-driver.ts";
import { IpamTable } from "./ipam/ipam-table.ts";
import { LocalIpam } from "./ipam/local-ipam.ts";
import { tryParseIp } from "#base/ip.ts";
import type { NetworkRecord, Networks } from "./networks.ts";
import { NullDriver } from "./null/null-driver.ts";
import { OverlayDriver } from "./overlay/overlay-driver.ts";
import { PortAllocator } from "./ports/port-allocator.ts";
import { OwnDevices } from "./own-devices.ts";
import { DEVICE_INTENTS, NETWORKS, SANDBOXES } from "./records.ts";
import { RemoteDriver } from "./remote/remote-driver.ts";
import { RemoteIpam } from "./remote/remote-ipam.ts";
import { NetworkService } from "./service.ts";
import { IPVLAN } from "./stacked/ipvlan.ts";
import { MACVLAN } from "./stacked/macvlan.ts";
import { StackedDriver } from "./stacked/stacked-driver.ts";
import { allowLoopbackRouting, enableForwarding, isForwardingEnabled } from "./sysctl.ts";

export interface OpenNetworksOptions {
  readonly store: Store;
  readonly netlink: Netlink;
  readonly namespaces: Namespaces;
  readonly nft: Nft;
  readonly sockets: Sockets;
  readonly localPorts: LocalPorts;
  /** Ended with the networks. */
  readonly nameServers: NameServers;
  readonly processes: Processes;
  readonly clock: Clock;
  readonly conntrack: Conntrack;
  readonly plugins: Plugins;
  readonly engineId: string;
  /** Where the engine's id is kept, in file `engine-id`; unless it says so, its rules are never taken for left behind. */
  readonly dataRoot?: string;
  /** Run state of the engine; the pins are in `netns` below it. */
  readonly runDir: string;
  readonly config: NetworksConfig;
  readonly randomBytes: RandomBytes;
  /** @see NetworkServiceOptions.vaultOf */
  readonly vaultOf: (containerId: string) => SocketVault | undefined;
  /** Reports what deserves a line in the log and stops nothing. */
  readonly warn: (message: string) => void;
}

function predefined(
  identity: Pick<NetworkRecord, "id" | "createdMs">,
  kind: { readonly name: string; readonly driver: NetworkRecord["driver"] },
): NetworkRecord {
  return {
    ...identity,
    ...kind,
    internal: false,
    enableIpv4: true,
    enableIpv6: false,
    labels: {},
    options: {},
    pools: [],
  };
}

/** Records `bridge`, `host` and `none`, each under the id that it had before. */
function recordPredefinedNetworks(
  options: OpenNetworksOptions,
  networks: Collection<NetworkRecord>,
  mayMove: boolean,
): void {
  const { config, netlink, clock, randomBytes } = options;
  const previous = (name: string): NetworkRecord | undefined =>
    networks.entries().find(([, network]) => network.name === name)?.[1];
  const identityOf = (name: string): Pick<NetworkRecord, "id" | "createdMs"> => {
    const { id, createdMs } = previous(name) ?? {
      id: newNetworkId(randomBytes),
      createdMs: clock.nowMs(),
    };
    return { id, createdMs };
  };
  for (const kind of [
    { name: "host", driver: "host" } as const,
    { name: "none", driver: "null" } as const,
  ]) {
    if (!previous(kind.name)) {
      const network = predefined(identityOf(kind.name), kind);
      networks.put(network.id, network);
    }
  }
  if (config.bridge === "none") {
    const bridge = previous("bridge");
    if (bridge) networks.delete(bridge.id);
    return;
  }
  const { network, warnings } = decideDefaultNetwork({
    config,
    previous: previous("bridge"),
    identity: identityOf("bridge"),
    host: { links: netlink.links(), addresses: netlink.addresses(), routes: netlink.routes() },
    others: networks
      .entries()
      .map(([, other]) => other)
      .filter(({ name }) => name !== "bridge"),
    engineId: options.engineId,
    mayMove,
  });
  for (const warning of warnings) options.warn(warning);
  networks.put(network.id, network);
}

function prepareForwarding(options: OpenNetworksOptions): void {
  if (isForwardingEnabled()) return;
  if (!options.config.ipForward) {
    options.warn("IPv4 forwarding is disabled: containers reach this host only");
    return;
  }
  enableForwarding();
  options.warn("Enabled IPv4 forwarding (net.ipv4.ip_forward=1), which containers need");
}

function bindAddresses(config: NetworksConfig): readonly string[] {
  const address = config.defaultBindAddress;
  if (!tryParseIp(address)) {
    throw new InvalidArgumentError(`Cannot use --ip ${address}: want an IP address`);
  }
  return address === "0.0.0.0" ? ["0.0.0.0", "::"] : [address];
}

/**
 * Decides the default network and makes its bridge; nothing is published, joined or removed before
 * `reconcile`, which the caller runs next.
 *
 * @throws {InvalidArgumentError} Contradictory flags. {ConflictError} The bridge is another engine's.
 */
export async function openNetworks(options: OpenNetworksOptions): Promise<Networks> {
  const { store, netlink, namespaces, engineId, config } = options;
  const networks = store.collection(NETWORKS);
  const sandboxes = store.collection(SANDBOXES);
  const namespaceDir = join(options.runDir, "netns");
  mkdirSync(namespaceDir, { recursive: true });
  const scratchDirectory = join(options.runDir, "scratch");
  mkdirSync(scratchDirectory, { recursive: true });
  // of a daemon that was killed while it compared rules
  for (const name of readdirSync(scratchDirectory)) {
    options.namespaces.removeNetwork(join(scratchDirectory, name));
  }
  const devices = new OwnDevices({ netlink, engineId, intents: store.collection(DEVICE_INTENTS) });
  const host = { netlink, namespaces, devices };
  const drivers = new DriverTable(
    {
      bridge: new BridgeDriver(host),
      macvlan: new StackedDriver(MACVLAN, host),
      ipvlan: new StackedDriver(IPVLAN, host),
      overlay: new OverlayDriver(host),
      host: new HostDriver(),
      null: new NullDriver(),
    },
    new RemoteDriver({ ...options, ...host }),
  );
  recordPredefinedNetworks(options, networks, sandboxes.count() === 0);
  prepareForwarding(options);
  // At once, so that a second engine that starts now sees the subnet taken.
  for (const [, network] of networks.entries()) {
    if (network.name === "bridge") await drivers.of(network).bringUp(network, "restart");
  }
  const table = tableNameOf(engineId);
  const { nft, processes, clock, warn } = options;
  const foreign = new ForeignRules({ nft, processes, clock, table, mode: config.firewall, warn });
  const admission = config.firewall === "respect" ? planAdmission(engineId) : undefined;
  if (admission) makeAdmissionDevices(netlink, engineId, admission);
  const firewall = new Firewall({
    ...(admission ? { admission } : {}),
    nft,
    engineId,
    scratchDirectory,
    isRoutedDirectly: config.isRoutedDirectly,
    ...(options.dataRoot === undefined ? {} : { dataRoot: options.dataRoot }),
    onNetworks: async (all, added) => {
      for (const { bridgeName } of added) allowLoopbackRouting(bridgeName);
      await foreign.follow(all);
    },
  });
  return new NetworkService({
    engineId,
    namespaceDir,
    networks,
    sandboxes,
    drivers,
    ipam: new IpamTable({ local: new LocalIpam(), remote: new RemoteIpam(options) }),
    netlink,
    namespaces,
    clock: options.clock,
    conntrack: options.conntrack,
    localPorts: options.localPorts,
    nameServers: options.nameServers,
    networkPools: config.networkPools,
    networkOptions: config.networkOptions,
    hostGateways: config.hostGateways,
    firewall,
    ...(admission ? { firewallDevice: admission.outDevice } : {}),
    foreign,
    strangers: new Strangers({ nft, netlink, processes, table }),
    watch: new RuleWatch({ nft, namespaces, clock, firewall, foreign, table, warn }),
    ports: new PortAllocator({
      engineId,
      sockets: options.sockets,
      processes: options.processes,
      defaultAddresses: bindAddresses(config),
    }),
    vaultOf: options.vaultOf,
    warn: options.warn,
    randomBytes: options.randomBytes,
  });
}
