import { invariant } from "#base/errors.ts";
import type { Namespaces } from "#host/namespaces.ts";
import type { LinkOp, Netlink } from "#host/netlink.ts";
import type {
  EndpointRecord,
  EndpointRequest,
  NetworkDriver,
  NetworkRules,
} from "#networks/driver.ts";
import { AddressPool } from "#networks/ipam/address-pool.ts";
import { formatCidr, formatIp, parseCidr, parseIp } from "#networks/ipam/ip.ts";
import { macOfIpv4 } from "#networks/ipam/mac.ts";
import type { NetworkRecord } from "#networks/networks.ts";
import type { BridgeIntent } from "#networks/records.ts";
import {
  allowLoopbackRouting,
  disableIpv6,
  isPortForwarding,
  setPortIsolated,
} from "#networks/sysctl.ts";
import type { Collection } from "#store/store.ts";
import { bridgeOptionsOf } from "./bridge-options.ts";
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

  bringUp(network: NetworkRecord): void {
    const { bridgeName, mtuBytes } = bridgeOptionsOf(network);
    const { subnet, gateway } = this.#pool(network);
    const want = {
      name: bridgeName,
      gatewayCidr: `${gateway}/${parseCidr(subnet).prefixLength}`,
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
    if (ops.length > 0) this.#netlink.apply(ops);
    if (intent || !link) this.#intents.delete(bridgeName);
    // Neither router advertisements from containers nor a link-local way round the IPv4 rules.
    if (ops.some(({ kind }) => kind === "add-bridge")) disableIpv6(bridgeName);
    allowLoopbackRouting(bridgeName);
  }

  async takeDown(network: NetworkRecord): Promise<void> {
    const { bridgeName } = bridgeOptionsOf(network);
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
    const pool = this.#addresses(network);
    const address = pool.take();
    return {
      id: request.endpointId,
      containerId: request.containerId,
      networkId: network.id,
      networkName: network.name,
      ipAddress: formatIp(address),
      prefixLength: pool.subnet.prefixLength,
      gateway: this.#pool(network).gateway,
      macAddress: request.macAddress ?? macOfIpv4(address),
      aliases: [],
      hostLinkName: `wh${request.endpointId.slice(0, 12)}`,
      interfaceName: `eth${request.interfaceIndex}`,
    };
  }

  adoptEndpoint(network: NetworkRecord, endpoint: EndpointRecord): void {
    this.#addresses(network).takeExactly(parseIp(endpoint.ipAddress));
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
    this.#addresses(network).release(parseIp(endpoint.ipAddress));
  }

  attachEndpoint(network: NetworkRecord, endpoint: EndpointRecord, namespacePath: string): void {
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
    if (!network.enableIpv6) {
      this.#namespaces.inNetwork(namespacePath, () => disableIpv6(interfaceName));
    }
    this.#netlink.apply(
      [
        {
          kind: "add-address",
          name: interfaceName,
          cidr: `${endpoint.ipAddress}/${endpoint.prefixLength}`,
        },
        { kind: "set-up", name: interfaceName },
        ...(network.internal
          ? []
          : [{ kind: "add-route", destination: "default", gateway: endpoint.gateway } as const]),
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

  #pool(network: NetworkRecord): NetworkRecord["pools"][number] {
    const pool = network.pools[0];
    invariant(pool, `bridge network ${network.name} has a subnet`);
    return pool;
  }

  #addresses(network: NetworkRecord): AddressPool {
    const { subnet, gateway, ipRange } = this.#pool(network);
    const known = this.#pools.get(network.id);
    const block = parseCidr(subnet);
    if (known && formatCidr(known.subnet) === subnet) return known;
    const range = ipRange === undefined ? undefined : parseCidr(ipRange);
    const pool = new AddressPool(block, range, [parseIp(gateway)]);
    this.#pools.set(network.id, pool);
    return pool;
  }
}
