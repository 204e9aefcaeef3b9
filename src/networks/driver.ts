import type { EndpointId } from "#spec/ids.ts";
import type {
  Attachment,
  Endpoint,
  InterfaceSysctl,
  NetworkRecord,
  PortRequest,
} from "./networks.ts";

/** An endpoint as it is recorded before it is made: enough to make it, and to remove it after a crash. */
export interface EndpointRecord extends Endpoint {
  readonly containerId: string;
  /** Device on the host's side; absent where the driver makes none. */
  readonly hostLinkName?: string;
  /** Device inside the namespace. */
  readonly interfaceName?: string;
  readonly gatewayPriority?: number;
  /** As in the attachment. */
  readonly links?: Readonly<Record<string, string>>;
  readonly linkLocalAddresses?: readonly string[];
  /** Its driver leads no ports of the host to it. */
  readonly hasNoPorts?: true;
  /** Families in which published ports are its own, at its own address: none of the host's. */
  readonly routedFamilies?: readonly (4 | 6)[];
  /** Name on the host of a device that was moved into the namespace. */
  readonly sourceName?: string;
  readonly driverOptions?: Readonly<Record<string, string>>;
  /** Ports that the container asks for, where a plugin is to know of them. */
  readonly portRequests?: readonly PortRequest[];
  /** A plugin was told that it is the container's way out. */
  readonly isWayOut?: true;
  readonly sysctls?: readonly InterfaceSysctl[];
}

export interface TakenAddress {
  readonly address: string;
  readonly prefixLength: number;
  readonly gateway: string;
}

/** One of each family that the network has. */
export interface EndpointAddresses {
  readonly ipv4?: TakenAddress;
  readonly ipv6?: TakenAddress;
}

export interface EndpointRequest {
  readonly endpointId: EndpointId;
  readonly containerId: string;
  /** Lower case, with colons; derived from the address when absent. */
  readonly macAddress?: string;
  /** The first name in the sandbox that is free: `eth` and a number from 0. */
  readonly nextInterface: (prefix: string) => string;
  readonly attachment?: Attachment;
  /** Ports that the container asks for. */
  readonly ports?: readonly PortRequest[];
  readonly addresses: EndpointAddresses;
}

/**
 * How containers are reached from outside the host, in one family; docker's modes. `nat`: by published ports, at the
 * host's addresses. `nat-unprotected`: so, and straight at their own addresses, every port. `routed`: published ports,
 * at their own addresses alone. `isolated`: not at all, nor by the host, which has no address on the network.
 */
export type GatewayMode = "nat" | "nat-unprotected" | "routed" | "isolated";

export interface FamilyRules {
  readonly mode: GatewayMode;
  /** Rewrite the source of what leaves the network. */
  readonly masquerade: boolean;
  /** To this one; else to the address of the device that it leaves by. */
  readonly sourceAddress?: string;
}

/** What the firewall must know of a network. */
export interface NetworkRules {
  /** Names the network's chains: short id. */
  readonly key: string;
  /** Device that its traffic enters the host by. */
  readonly bridgeName: string;
  readonly subnets: readonly string[];
  readonly ipv4: FamilyRules;
  readonly ipv6: FamilyRules;
  /** Devices by which other machines reach published ports at the containers' own addresses. */
  readonly trustedDevices: readonly string[];
  /** Containers of the network may talk to each other. */
  readonly interContainer: boolean;
  /** Nothing in or out, but for its own containers. */
  readonly internal: boolean;
}

/**
 * One kind of network. The service owns the records, the addresses, the namespaces and the published ports; a driver
 * owns the devices between them. Those that ask nobody but the kernel are synchronous: each call is a few quick system
 * calls, and what is decided and what is done cannot be interleaved.
 */
export interface NetworkDriver {
  /** Whether its endpoints have addresses that the engine gives. */
  readonly hasAddresses: boolean;
  /**
   * Checks the options of a network that is to be made.
   *
   * @param others All other networks of the engine.
   * @returns What the driver makes known of the network.
   * @throws {InvalidArgumentError} {PermissionDeniedError} With Docker's texts where it has some.
   */
  checkCreate(
    network: NetworkRecord,
    others: readonly NetworkRecord[],
  ): void | Promise<Pick<NetworkRecord, "scope">>;
  /** Makes what the network needs on the host, or puts it right after a restart of the daemon. Idempotent. */
  bringUp(network: NetworkRecord, occasion: "create" | "restart"): void | Promise<void>;
  /**
   * Undoes `bringUp`; what somebody else made stays, and what one of `others` needs.
   *
   * @param others All other networks of the engine.
   * @param occasion The network goes for good, or an engine that runs no container ends.
   */
  takeDown(
    network: NetworkRecord,
    others: readonly NetworkRecord[],
    occasion: "remove" | "end",
  ): Promise<void>;
  /** Undefined when the network needs none. */
  rules(network: NetworkRecord): NetworkRules | undefined;
  /** Names of the host's devices that the network stands on. */
  hostDevices(network: NetworkRecord): readonly string[];
  /** Decides what an endpoint comes to; nothing on the host yet. */
  planEndpoint(network: NetworkRecord, request: EndpointRequest): EndpointRecord;
  /** Puts a live endpoint's device back on the network, whose own device may be new. */
  restoreEndpoint(network: NetworkRecord, endpoint: EndpointRecord): void;
  /**
   * @param routes Families that get their default route by this endpoint.
   * @returns The endpoint as it came to be, where that is not as it was planned.
   */
  attachEndpoint(
    network: NetworkRecord,
    endpoint: EndpointRecord,
    namespacePath: string,
    routes: readonly (4 | 6)[],
  ): void | Promise<EndpointRecord>;
  /**
   * Tells who makes the endpoint that it has become the container's way out, or is so no more; drivers of the kernel's
   * need not know.
   *
   * @returns The endpoint as it is to be recorded.
   */
  setWayOut?(
    network: NetworkRecord,
    endpoint: EndpointRecord,
    isWayOut: boolean,
  ): Promise<EndpointRecord>;
  /** Whether its device is there; true where it has none. */
  isEndpointAttached(endpoint: EndpointRecord, namespacePath: string | undefined): boolean;
  /** Whether the endpoint's packets arrive: soon after it is attached, and for good. */
  isEndpointReady(network: NetworkRecord, endpoint: EndpointRecord): boolean;
  /**
   * Cuts the endpoint off the network, so that its address may be given away. A device on the host's side goes with
   * its namespace; what is already gone is no error.
   *
   * @param network Undefined when its record has gone.
   */
  detachEndpoint(
    endpoint: EndpointRecord,
    namespacePath: string | undefined,
    network: NetworkRecord | undefined,
  ): void | Promise<void>;
}

/** The drivers by name; a name that is none of ours is a plugin's. */
export interface NetworkDrivers {
  of(network: Pick<NetworkRecord, "driver">): NetworkDriver;
}
