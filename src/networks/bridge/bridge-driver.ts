import { ConflictError, invariant, NotFoundError } from "#base/errors.ts";
import { parseCidr } from "#base/ip.ts";
import type { Namespaces } from "#host/namespaces.ts";
import type { LinkOp, Netlink } from "#host/netlink.ts";
import type {
  EndpointRecord,
  EndpointRequest,
  NetworkDriver,
  NetworkRules,
} from "#networks/driver.ts";
import { poolOf } from "#networks/ipam/pool-of.ts";
import type { AddressPoolRecord, NetworkRecord } from "#networks/networks.ts";
import type { OwnDevices } from "#networks/own-devices.ts";
import { plannedEndpoint } from "#networks/planned-endpoint.ts";
import { setUpInterface } from "#networks/set-up-interface.ts";
import {
  disableIpv6,
  enableIpv6,
  enableIpv6Forwarding,
  isPortForwarding,
  setPortIsolated,
} from "#networks/sysctl.ts";
import {
  BRIDGE_OPTION,
  bridgeOptionsOf,
  checkBridgeOptions,
  familyRulesOf,
  gatewayModeOf,
} from "./bridge-options.ts";
import { GATEWAY_AUXILIARY } from "./default-subnet.ts";
import { planBridge, stateOfBridge } from "./plan-bridge.ts";

/**
 * Containers on a bridge of the host: a veth pair each, the host as their gateway.
 *
 * The peer's end is born inside the container's namespace, so there is no moment at which a half-made
 * device is visible to anybody else.
 */
export class BridgeDriver implements NetworkDriver {
  readonly hasAddresses = true;
  readonly #netlink: Netlink;
  readonly #namespaces: Namespaces;
  readonly #devices: OwnDevices;
  readonly #alias: string;
  /** Host ends that this process made: nobody has to look whose they are. */
  readonly #made = new Set<string>();

  constructor(options: {
    readonly netlink: Netlink;
    readonly namespaces: Namespaces;
    readonly devices: OwnDevices;
  }) {
    this.#netlink = options.netlink;
    this.#namespaces = options.namespaces;
    this.#devices = options.devices;
    this.#alias = options.devices.alias;
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
    const { bridgeName, mtuBytes, isWithoutIpv4 } = bridgeOptionsOf(network);
    const ipv4 = isWithoutIpv4 ? undefined : poolWithGateway(network, 4);
    const ipv6 = poolWithGateway(network, 6);
    const want = {
      name: bridgeName,
      ...(ipv4 ? { gatewayCidr: gatewayCidr(ipv4) } : {}),
      ...(ipv6 ? { ipv6Cidr: gatewayCidr(ipv6) } : {}),
      mtuBytes,
      alias: this.#alias,
    };
    this.#devices.adopt(bridgeName);
    const link = this.#netlink.link(bridgeName);
    const have = stateOfBridge(link, link ? this.#netlink.addressesOf(link.index) : []);
    const ops = planBridge(want, have);
    const [adding, setting] = [
      ops.filter(({ kind }) => kind === "add-bridge"),
      ops.filter(({ kind }) => kind !== "add-bridge"),
    ];
    if (adding.length > 0) {
      this.#devices.make(bridgeName, network.id, () => this.#netlink.apply(adding));
    }
    // Neither router advertisements from containers nor a link-local way round the IPv4 rules.
    if (ipv6) {
      enableIpv6(bridgeName);
      enableIpv6Forwarding();
    } else if (adding.length > 0) {
      disableIpv6(bridgeName);
    }
    if (setting.length > 0) this.#netlink.apply(setting);
  }

  async takeDown(network: NetworkRecord): Promise<void> {
    await this.#devices.remove(bridgeOptionsOf(network).bridgeName);
  }

  hostDevices(network: NetworkRecord): readonly string[] {
    return [bridgeOptionsOf(network).bridgeName];
  }

  rules(network: NetworkRecord): NetworkRules {
    const { bridgeName, interContainer, trustedDevices } = bridgeOptionsOf(network);
    return {
      key: network.id.slice(0, 12),
      bridgeName,
      subnets: network.pools.map(({ subnet }) => subnet),
      ipv4: familyRulesOf(network, 4),
      ipv6: familyRulesOf(network, 6),
      trustedDevices,
      interContainer,
      internal: network.internal,
    };
  }

  planEndpoint(network: NetworkRecord, request: EndpointRequest): EndpointRecord {
    const hostLinkName = `wh${request.endpointId.slice(0, 12)}`;
    const { interfacePrefix } = bridgeOptionsOf(network);
    const endpoint = plannedEndpoint(network, {
      ...request,
      nextInterface: () => request.nextInterface(interfacePrefix),
    });
    const routed = ([4, 6] as const).filter(
      (family) => gatewayModeOf(network, family) === "routed",
    );
    const [ipv4, ipv6] = [otherGateway(network, 4), otherGateway(network, 6)];
    return {
      ...endpoint,
      ...(ipv4 !== undefined && endpoint.gateway !== "" ? { gateway: ipv4 } : {}),
      ...(ipv6 !== undefined && endpoint.ipv6Gateway ? { ipv6Gateway: ipv6 } : {}),
      ...(routed.length > 0 ? { routedFamilies: routed } : {}),
      hostLinkName,
    };
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
    this.#made.add(hostLinkName);
    if (!interContainer) setPortIsolated(hostLinkName, true);
    const host = { netlink: this.#netlink, namespaces: this.#namespaces };
    setUpInterface(host, endpoint, { namespacePath, name: interfaceName }, routes);
  }

  isEndpointReady(network: NetworkRecord, endpoint: EndpointRecord): boolean {
    const { bridgeName } = bridgeOptionsOf(network);
    const { hostLinkName } = endpoint;
    if (!hostLinkName || isPortForwarding(hostLinkName, bridgeName)) return true;
    // A bridge's first port gives it carrier, which the kernel (6.8 and later) acts on within a second, or as soon as
    // somebody asks for that one device (net/core/rtnetlink.c, rtnl_getlink).
    this.#netlink.link(bridgeName);
    return isPortForwarding(hostLinkName, bridgeName);
  }

  detachEndpoint(endpoint: EndpointRecord): void {
    const name = endpoint.hostLinkName;
    if (name === undefined || !this.#isOwn(name)) return;
    try {
      // 0.4 ms, where deleting it takes the kernel some 25 ms.
      this.#netlink.apply([{ kind: "set-master", name, master: null }]);
    } catch (error) {
      // it goes with its namespace, which the kernel may take away at any moment
      if (!(error instanceof NotFoundError)) throw error;
    }
  }

  #isOwn(hostLinkName: string): boolean {
    if (this.#made.delete(hostLinkName)) return true;
    const link = this.#netlink.link(hostLinkName);
    // Without an alias it is ours too, half made: the name is random and comes from our own record.
    return link !== undefined && (!link.alias || link.alias === this.#alias);
  }
}

/** The network's addresses of a family, where the host has one of them. */
function poolWithGateway(network: NetworkRecord, family: 4 | 6): AddressPoolRecord | undefined {
  const pool = poolOf(network, family);
  return pool?.gateway === "" ? undefined : pool;
}

/** What containers go out by in the bridge's place. */
function otherGateway(network: NetworkRecord, family: 4 | 6): string | undefined {
  return poolOf(network, family)?.auxiliary?.[GATEWAY_AUXILIARY[family]];
}

function gatewayCidr({ gateway, subnet }: AddressPoolRecord): string {
  return `${gateway}/${parseCidr(subnet).prefixLength}`;
}
