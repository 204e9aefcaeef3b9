import type { EndpointId } from "#spec/ids.ts";
import type { Attachment, Endpoint, NetworkRecord } from "./networks.ts";

/** An endpoint as it is recorded before it is made: enough to make it, and to remove it after a crash. */
export interface EndpointRecord extends Endpoint {
  readonly containerId: string;
  /** Device on the host's side; absent where the driver makes none. */
  readonly hostLinkName?: string;
  /** Device inside the namespace. */
  readonly interfaceName?: string;
  readonly gatewayPriority?: number;
  readonly linkLocalAddresses?: readonly string[];
}

export interface EndpointRequest {
  readonly endpointId: EndpointId;
  readonly containerId: string;
  /** Lower case, with colons; derived from the address when absent. */
  readonly macAddress?: string;
  /** Of the interfaces in the sandbox, from 0: `eth0` is the first. */
  readonly interfaceIndex: number;
  readonly attachment?: Attachment;
}

/** What the firewall must know of a network. */
export interface NetworkRules {
  /** Names the network's chains: short id. */
  readonly key: string;
  /** Device that its traffic enters the host by. */
  readonly bridgeName: string;
  readonly subnets: readonly string[];
  /** Rewrite the source of what leaves the network. */
  readonly masquerade: boolean;
  /** Containers of the network may talk to each other. */
  readonly interContainer: boolean;
  /** Nothing in or out, but for its own containers. */
  readonly internal: boolean;
}

/**
 * One kind of network. The service owns the records, the namespaces and the published ports; a driver
 * owns the devices between them. Calls are synchronous but for what the kernel takes long for: each is a few
 * quick system calls, and what is decided and what is done cannot be interleaved.
 */
export interface NetworkDriver {
  /**
   * Checks the options of a network that is to be made.
   *
   * @throws {InvalidArgumentError} {PermissionDeniedError} With Docker's texts where it has some.
   */
  checkCreate(network: NetworkRecord): void;
  /** Makes what the network needs on the host, or puts it right. Idempotent. */
  bringUp(network: NetworkRecord): void;
  /** Undoes `bringUp`; what somebody else made stays. */
  takeDown(network: NetworkRecord): Promise<void>;
  /** Undefined when the network needs none. */
  rules(network: NetworkRecord): NetworkRules | undefined;
  /** Takes addresses and names for an endpoint; nothing on the host yet. */
  planEndpoint(network: NetworkRecord, request: EndpointRequest): EndpointRecord;
  /** Takes a recorded endpoint's addresses again, after a restart. */
  adoptEndpoint(network: NetworkRecord, endpoint: EndpointRecord): void;
  /** Puts a live endpoint's device back on the network, whose own device may be new. */
  restoreEndpoint(network: NetworkRecord, endpoint: EndpointRecord): void;
  /** Gives the addresses back. */
  releaseEndpoint(network: NetworkRecord, endpoint: EndpointRecord): void;
  /** @param routes Families that get their default route by this endpoint. */
  attachEndpoint(
    network: NetworkRecord,
    endpoint: EndpointRecord,
    namespacePath: string,
    routes: readonly (4 | 6)[],
  ): void;
  /** Whether its device is there; true where it has none. */
  isEndpointAttached(endpoint: EndpointRecord): boolean;
  /** Whether the endpoint's packets arrive: soon after it is attached, and for good. */
  isEndpointReady(network: NetworkRecord, endpoint: EndpointRecord): boolean;
  /**
   * Cuts the endpoint off the network at once, so that its address may be given away. The device itself goes
   * with its namespace.
   */
  detachEndpoint(endpoint: EndpointRecord): void;
}
