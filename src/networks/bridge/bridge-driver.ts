import { ConflictError, invariant, messageOf, PermissionDeniedError } from "#base/errors.ts";
import type { Namespaces } from "#host/namespaces.ts";
import type { LinkOp, Netlink } from "#host/netlink.ts";
import type {
  EndpointRecord,
  EndpointRequest,
  NetworkDriver,
  NetworkRules,
} from "#networks/driver.ts";
import { AddressPool } from "#networks/ipam/address-pool.ts";
import { formatCidr, formatIp, type IpAddress, parseCidr, parseIp } from "#base/ip.ts";
import { macOfId, macOfIpv4 } from "#networks/ipam/mac.ts";
import { poolOf } from "#networks/ipam/pool-of.ts";
import { defaultRoute } from "#networks/gateway-endpoint.ts";
import type { AddressPoolRecord, NetworkRecord } from "#networks/networks.ts";
import type { BridgeIntent } from "#networks/records.ts";
import {
  allowLoopbackRouting,
  disableIpv6,
  enableIpv6,
  enableIpv6Forwarding,
  isPortForwarding,
  setPortIsolated,
} from "#networks/sysctl.ts";
import type { Collection } from "#store/store.ts";
import { BRIDGE_OPTION, bridgeOptionsOf, checkBridgeOptions } from "./bridge-options.ts";
import { aliasOf, planBridge, stateOfBridge } from "./plan-bridge.ts";

/**
 * Containers on a bridge of the host: a veth pair each, the host as their gateway.
 *
 * The peer's end is born inside the container's namespace, so there is no moment at which a half-made
 * device is visible to anybody else.
 */
export class BridgeDriver implements NetworkDriver {
  readonly #netlink: Netlink;
  readonly #namespaces: Namespaces;
  readonly #alias: string;
  readonly #intents: Collection<BridgeIntent>;
  readonly #pools = new Map<string, AddressPool>();

  constructor(options: {
    readonly netlink: Netlink;
    readonly namespaces: Namespaces;
    readonly engineId: string;
    readonly intents: Collection<BridgeIntent>;
  }) {
    this.#intents = options.intents;
    this.#netlink = options.netlink;
    this.#namespaces = options.namespaces;
    this.#alias = aliasOf(options.engineId);
  }

  /** @throws {ConflictError} Another network or somebody else has the bridge. */
  checkCreate(network: NetworkRecord): void {
    checkBridgeOptions(network);
    const { bridgeName } = bridgeOptionsOf(network);
    const link = this.#netlink.link(bridgeName);
    if (link && network.options[BRIDGE_OPTION.bridgeName] === undefined) {
      throw new ConflictError(`Cannot make bridge "${bridgeName}": there is such a device`);
    }
    planBridge({ name: bridgeName, mtuBytes: 0, alias: this.#alias }, { link, addresses: [] });
  }

  bringUp(network: NetworkRecord): void {
    const { bridgeName, mtuBytes } = bridgeOptionsOf(network);
    const ipv4 = poolOf(network, 4);
    const ipv6 = poolOf(network, 6);
    const want = {
      name: bridgeName,
      ...(ipv4 ? { gatewayCidr: gatewayCidr(ipv4) } : {}),
      ...(ipv6 ? { ipv6Cidr: gatewayCidr(ipv6) } : {}),
      mtuBytes,
      alias: this.#alias,
    };
    // The kernel takes a device's alias only after making it: without the note a crash between the two
    // would leave a bridge that looks like somebody else's.
    const intent = this.#intents.get(bridgeName);
    const link = this.#netlink.link(bridgeName);
    if (intent && link && !link.alias) {
      this.#netlink.apply([{ kind: "set-alias", name: bridgeName, alias: this.#alias }]);
    }
    if (!link) this.#intents.put(bridgeName, { networkId: network.id });
    const have = stateOfBridge(bridgeName, this.#netlink.links(), this.#netlink.addresses());
    const ops = planBridge(want, have);
    const [adding, setting] = [
      ops.filter(({ kind }) => kind === "add-bridge"),
      ops.filter(({ kind }) => kind !== "add-bridge"),
    ];
    if (adding.length > 0) this.#netlink.apply(adding);
    // Neither router advertisements from containers nor a link-local way round the IPv4 rules.
    if (ipv6) {
      enableIpv6(bridgeName);
      enableIpv6Forwarding();
    } else if (adding.length > 0) {
      disableIpv6(bridgeName);
    }
    if (setting.length > 0) this.#netlink.apply(setting);
    if (intent || !link) this.#intents.delete(bridgeName);
    allowLoopbackRouting(bridgeName);
  }

  async takeDown(network: NetworkRecord): Promise<void> {
    const { bridgeName } = bridgeOptionsOf(network);
    this.#pools.delete(`${network.id} 4`);
    this.#pools.delete(`${network.id} 6`);
    if (this.#netlink.link(bridgeName)?.alias !== this.#alias) return;
    await this.#netlink.applyAside([{ kind: "delete-link", name: bridgeName }]);
  }

  rules(network: NetworkRecord): NetworkRules {
    const { bridgeName, masquerade, interContainer } = bridgeOptionsOf(network);
    return {
      key: network.id.slice(0, 12),
      bridgeName,
      subnets: network.pools.map(({ subnet }) => subnet),
      masquerade,
      interContainer,
      internal: network.internal,
    };
  }

  planEndpoint(network: NetworkRecord, request: EndpointRequest): EndpointRecord {
    const { attachment, endpointId } = request;
    const ipv4 = this.#take(network, 4, attachment?.ipv4Address);
    let ipv6: TakenAddress | undefined;
    try {
      ipv6 = this.#take(network, 6, attachment?.ipv6Address);
    } catch (error) {
      if (ipv4) this.#addresses(network, 4)?.release(ipv4.address);
      throw error;
    }
    const gatewayOf = (taken: TakenAddress): string => (network.internal ? "" : taken.gateway);
    return {
      id: endpointId,
      containerId: request.containerId,
      networkId: network.id,
      networkName: network.name,
      ipAddress: ipv4 ? formatIp(ipv4.address) : "",
      prefixLength: ipv4?.prefixLength ?? 0,
      gateway: ipv4 ? gatewayOf(ipv4) : "",
      ...(ipv6
        ? {
            ipv6Address: formatIp(ipv6.address),
            ipv6PrefixLength: ipv6.prefixLength,
            ipv6Gateway: gatewayOf(ipv6),
          }
        : {}),
      macAddress: request.macAddress ?? (ipv4 ? macOfIpv4(ipv4.address) : macOfId(endpointId)),
      aliases: attachment?.dnsNames ?? [],
      ...(attachment?.gatewayPriority ? { gatewayPriority: attachment.gatewayPriority } : {}),
      hostLinkName: `wh${request.endpointId.slice(0, 12)}`,
      ...(attachment?.linkLocalAddresses?.length
        ? { linkLocalAddresses: attachment.linkLocalAddresses }
        : {}),
      interfaceName: attachment?.interfaceName ?? `eth${request.interfaceIndex}`,
    };
  }

  adoptEndpoint(network: NetworkRecord, endpoint: EndpointRecord): void {
    for (const address of addressesOf(endpoint)) {
      this.#addresses(network, address.family)?.takeExactly(address);
    }
  }

  restoreEndpoint(network: NetworkRecord, endpoint: EndpointRecord): void {
    const { bridgeName, interContainer } = bridgeOptionsOf(network);
    const name = endpoint.hostLinkName;
    const link = name === undefined ? undefined : this.#netlink.link(name);
    if (!link) return;
    if (link.masterIndex !== this.#netlink.link(bridgeName)?.index) {
      this.#netlink.apply([
        { kind: "set-master", name: link.name, master: bridgeName },
        { kind: "set-up", name: link.name },
      ]);
    }
    setPortIsolated(link.name, !interContainer);
  }

  releaseEndpoint(network: NetworkRecord, endpoint: EndpointRecord): void {
    for (const address of addressesOf(endpoint)) {
      this.#addresses(network, address.family)?.release(address);
    }
  }

  isEndpointAttached({ hostLinkName }: EndpointRecord): boolean {
    return hostLinkName === undefined || this.#netlink.link(hostLinkName) !== undefined;
  }

  attachEndpoint(
    network: NetworkRecord,
    endpoint: EndpointRecord,
    namespacePath: string,
    routes: readonly (4 | 6)[],
  ): void {
    const { hostLinkName, interfaceName, macAddress } = endpoint;
    invariant(hostLinkName && interfaceName, "a bridge endpoint has a device");
    const { bridgeName, mtuBytes, interContainer } = bridgeOptionsOf(network);
    const pair: LinkOp = {
      kind: "add-veth",
      name: hostLinkName,
      alias: this.#alias,
      master: bridgeName,
      ...(mtuBytes > 0 ? { mtuBytes } : {}),
      peer: { name: interfaceName, namespacePath, macAddress },
    };
    // Where br_netfilter is on (dockerd switches it on), it rewrites a frame that is bound for a published
    // port while still on the bridge: a container reaches itself that way only by hairpin.
    this.#netlink.apply([pair, { kind: "set-hairpin", name: hostLinkName, enabled: true }]);
    if (!interContainer) setPortIsolated(hostLinkName, true);
    this.#namespaces.inNetwork(namespacePath, () =>
      endpoint.ipv6Address === undefined ? disableIpv6(interfaceName) : enableIpv6(interfaceName),
    );
    const { ipAddress, prefixLength, ipv6Address, ipv6PrefixLength } = endpoint;
    const cidrs = [
      ...(ipAddress === "" ? [] : [`${ipAddress}/${prefixLength}`]),
      ...(ipv6Address === undefined ? [] : [`${ipv6Address}/${ipv6PrefixLength}`]),
      ...(endpoint.linkLocalAddresses ?? []).map(
        (text) => `${text}/${text.includes(":") ? 64 : 16}`,
      ),
    ];
    this.#netlink.apply(
      [
        ...cidrs.map((cidr) => ({ kind: "add-address", name: interfaceName, cidr }) as const),
        { kind: "set-up", name: interfaceName },
        ...routes.map((family) => defaultRoute(endpoint, family)),
      ],
      namespacePath,
    );
  }

  isEndpointReady(network: NetworkRecord, endpoint: EndpointRecord): boolean {
    const { bridgeName } = bridgeOptionsOf(network);
    return !endpoint.hostLinkName || isPortForwarding(endpoint.hostLinkName, bridgeName);
  }

  detachEndpoint(endpoint: EndpointRecord): void {
    const name = endpoint.hostLinkName;
    if (name === undefined) return;
    const link = this.#netlink.link(name);
    // Without an alias it is ours too, half made: the name is random and comes from our own record.
    if (!link || (link.alias && link.alias !== this.#alias)) return;
    // 0.4 ms, where deleting it takes the kernel some 25 ms.
    this.#netlink.apply([{ kind: "set-master", name, master: null }]);
  }

  /** @throws {PermissionDeniedError} Somebody has the wanted address. {ResourceExhaustedError} None is left. */
  #take(
    network: NetworkRecord,
    family: 4 | 6,
    wanted: string | undefined,
  ): TakenAddress | undefined {
    const record = poolOf(network, family);
    const pool = this.#addresses(network, family);
    if (!record || !pool) return undefined;
    const { gateway } = record;
    const { prefixLength } = pool.subnet;
    if (!wanted) return { address: pool.take(), prefixLength, gateway };
    const address = parseIp(wanted);
    try {
      pool.takeExactly(address);
    } catch (cause) {
      throw new PermissionDeniedError(messageOf(cause), { cause });
    }
    return { address, prefixLength, gateway };
  }

  #addresses(network: NetworkRecord, family: 4 | 6): AddressPool | undefined {
    const record = poolOf(network, family);
    if (!record) return undefined;
    const { subnet, gateway, ipRange, auxiliary = {} } = record;
    const key = `${network.id} ${family}`;
    const known = this.#pools.get(key);
    const block = parseCidr(subnet);
    if (known && formatCidr(known.subnet) === subnet) return known;
    const range = ipRange === undefined ? undefined : parseCidr(ipRange);
    const pool = new AddressPool(block, range, [gateway, ...Object.values(auxiliary)].map(parseIp));
    this.#pools.set(key, pool);
    return pool;
  }
}

interface TakenAddress {
  readonly address: IpAddress;
  readonly prefixLength: number;
  readonly gateway: string;
}

function addressesOf({ ipAddress, ipv6Address = "" }: EndpointRecord): readonly IpAddress[] {
  return [ipAddress, ipv6Address].filter((text) => text !== "").map(parseIp);
}

function gatewayCidr({ gateway, subnet }: AddressPoolRecord): string {
  return `${gateway}/${parseCidr(subnet).prefixLength}`;
}
