import { InvalidArgumentError, invariant, NotFoundError, UnsupportedError } from "#base/errors.ts";
import type { Namespaces } from "#host/namespaces.ts";
import type { Netlink } from "#host/netlink.ts";
import { checkMtu, mtuOf } from "#networks/bridge/bridge-options.ts";
import type {
  EndpointRecord,
  EndpointRequest,
  NetworkDriver,
  NetworkRules,
} from "#networks/driver.ts";
import type { NetworkRecord } from "#networks/networks.ts";
import type { OwnDevices } from "#networks/own-devices.ts";
import { plannedEndpoint } from "#networks/planned-endpoint.ts";
import { setUpInterface } from "#networks/set-up-interface.ts";
import { disableIpv6, isPortForwarding } from "#networks/sysctl.ts";
import { type OverlayPeer, planPeers } from "./plan-peers.ts";

/** Docker's key for the VXLAN network identifier. */
const VNI_OPTION = "com.docker.network.driver.overlay.vxlanid_list";
const DEFAULT_PORT = 4789;
/** Ethernet's 1500 less the outer headers: 20 IP, 8 UDP, 8 VXLAN, 14 Ethernet. */
const DEFAULT_MTU_BYTES = 1450;
const LARGEST_VNI = (1 << 24) - 1;

export interface OverlayDriverOptions {
  readonly netlink: Netlink;
  readonly namespaces: Namespaces;
  readonly devices: OwnDevices;
  /** UDP port that hosts send each other the frames to. */
  readonly port?: number;
}

interface Devices {
  readonly bridge: string;
  readonly vxlan: string;
}

function devicesOf({ id }: Pick<NetworkRecord, "id">): Devices {
  return { bridge: `ob${id.slice(0, 12)}`, vxlan: `ov${id.slice(0, 12)}` };
}

/** @throws {InvalidArgumentError} It is missing or malformed. */
function vniOf({ name, options }: NetworkRecord): number {
  const text = options[VNI_OPTION] ?? "";
  const vni = Number(text);
  if (!/^\d+$/.test(text) || vni < 1 || vni > LARGEST_VNI) {
    throw new InvalidArgumentError(
      `Cannot make overlay network "${name}": ${VNI_OPTION} is ${JSON.stringify(text)}, want a number from 1 to ${LARGEST_VNI}`,
    );
  }
  return vni;
}

/**
 * One network over several hosts. On each host a bridge joins its containers, and a VXLAN device on that bridge carries
 * frames to the others. Nothing is learned or broadcast: `setPeers` says where each container is, and the device
 * answers for their addresses itself. The bridge has no address: the host is not on the network.
 *
 * Identifiers and peers come from the cluster; without one the API makes no such network.
 */
export class OverlayDriver implements NetworkDriver {
  readonly hasAddresses = true;
  readonly #options: OverlayDriverOptions;

  constructor(options: OverlayDriverOptions) {
    this.#options = options;
  }

  /** @throws {InvalidArgumentError} No identifier. {UnsupportedError} The kernel lacks VXLAN. */
  checkCreate(network: NetworkRecord): void {
    checkMtu(network.options);
    vniOf(network);
    if (!this.#options.netlink.hasKind("vxlan")) {
      throw new UnsupportedError(
        `Cannot make network "${network.name}": this kernel has no vxlan devices (CONFIG_VXLAN)`,
      );
    }
  }

  bringUp(network: NetworkRecord): void {
    const { netlink, devices, port = DEFAULT_PORT } = this.#options;
    const { bridge, vxlan } = devicesOf(network);
    const { alias } = devices;
    const mtuBytes = mtuOf(network).mtuBytes ?? DEFAULT_MTU_BYTES;
    if (!devices.find(bridge)) {
      devices.make(bridge, network.id, () =>
        netlink.apply([{ kind: "add-bridge", name: bridge, alias, mtuBytes }]),
      );
      disableIpv6(bridge);
    }
    if (!devices.find(vxlan)) {
      const vni = vniOf(network);
      devices.make(vxlan, network.id, () =>
        netlink.apply([{ kind: "add-vxlan", name: vxlan, vni, port, mtuBytes, alias }]),
      );
      disableIpv6(vxlan);
    }
    netlink.apply([
      { kind: "set-master", name: vxlan, master: bridge },
      { kind: "set-up", name: vxlan },
      { kind: "set-up", name: bridge },
    ]);
  }

  async takeDown(network: NetworkRecord): Promise<void> {
    const { bridge, vxlan } = devicesOf(network);
    for (const name of [vxlan, bridge]) await this.#options.devices.remove(name);
  }

  /**
   * Tells the network where the containers of other hosts are. Those that are not named are not reached any more.
   *
   * @throws {NotFoundError} The network is not up here.
   */
  setPeers(network: NetworkRecord, peers: readonly OverlayPeer[]): void {
    const { netlink } = this.#options;
    const { vxlan } = devicesOf(network);
    const link = netlink.link(vxlan);
    if (!link) throw new NotFoundError(`Network ${network.name} is not up: no device ${vxlan}`);
    const have = netlink.neighbours().filter(({ linkIndex }) => linkIndex === link.index);
    const ops = planPeers(vxlan, have, peers);
    if (ops.length > 0) netlink.apply(ops);
  }

  rules(): NetworkRules | undefined {
    return undefined;
  }

  hostDevices(network: NetworkRecord): readonly string[] {
    const { bridge, vxlan } = devicesOf(network);
    return [bridge, vxlan];
  }

  /** The way out of the cluster's networks is another network's. */
  planEndpoint(network: NetworkRecord, request: EndpointRequest): EndpointRecord {
    const endpoint = plannedEndpoint(network, request);
    return {
      ...endpoint,
      gateway: "",
      ...(endpoint.ipv6Gateway === undefined ? {} : { ipv6Gateway: "" }),
      hasNoPorts: true,
      hostLinkName: `wh${request.endpointId.slice(0, 12)}`,
    };
  }

  restoreEndpoint(network: NetworkRecord, { hostLinkName }: EndpointRecord): void {
    const { netlink } = this.#options;
    const { bridge } = devicesOf(network);
    const link = hostLinkName === undefined ? undefined : netlink.link(hostLinkName);
    if (!link || link.masterIndex === netlink.link(bridge)?.index) return;
    netlink.apply([
      { kind: "set-master", name: link.name, master: bridge },
      { kind: "set-up", name: link.name },
    ]);
  }

  attachEndpoint(
    network: NetworkRecord,
    endpoint: EndpointRecord,
    namespacePath: string,
    routes: readonly (4 | 6)[],
  ): void {
    const { netlink, devices } = this.#options;
    const { hostLinkName, interfaceName, macAddress } = endpoint;
    invariant(hostLinkName && interfaceName, "an overlay endpoint has a device");
    netlink.apply([
      {
        kind: "add-veth",
        name: hostLinkName,
        alias: devices.alias,
        master: devicesOf(network).bridge,
        mtuBytes: mtuOf(network).mtuBytes ?? DEFAULT_MTU_BYTES,
        peer: { name: interfaceName, namespacePath, macAddress },
      },
    ]);
    setUpInterface(this.#options, endpoint, { namespacePath, name: interfaceName }, routes);
  }

  isEndpointAttached({ hostLinkName }: EndpointRecord): boolean {
    return hostLinkName === undefined || this.#options.netlink.link(hostLinkName) !== undefined;
  }

  isEndpointReady(network: NetworkRecord, { hostLinkName }: EndpointRecord): boolean {
    const { bridge } = devicesOf(network);
    return hostLinkName === undefined || isPortForwarding(hostLinkName, bridge);
  }

  detachEndpoint({ hostLinkName }: EndpointRecord): void {
    const { netlink, devices } = this.#options;
    const link = hostLinkName === undefined ? undefined : netlink.link(hostLinkName);
    if (!link || (link.alias && link.alias !== devices.alias)) return;
    netlink.apply([{ kind: "set-master", name: link.name, master: null }]);
  }
}
