import type { EndpointAddresses, EndpointRecord } from "#networks/driver.ts";
import type { NetworkRecord } from "#networks/networks.ts";

/** What an endpoint asks of its network's addresses; empty or absent leaves the choice. */
export interface AddressWishes {
  readonly ipv4Address?: string;
  readonly ipv6Address?: string;
  readonly macAddress?: string;
}

export type AddressesOfEndpoint = Pick<EndpointRecord, "ipAddress" | "ipv6Address">;

/** Who gives the addresses of a network. */
export interface Ipam {
  /**
   * @throws {PermissionDeniedError} Somebody has the wanted address. {ResourceExhaustedError} None is left. Nothing is
   *   taken then.
   */
  take(network: NetworkRecord, wishes: AddressWishes): Promise<EndpointAddresses>;
  /**
   * Takes a recorded endpoint's addresses again, after a restart.
   *
   * @throws {ConflictError} Somebody has them, or the network has others by now.
   */
  adopt(network: NetworkRecord, endpoint: AddressesOfEndpoint): void;
  /** Gives the addresses back; what it has not given is no error. */
  release(network: NetworkRecord, endpoint: AddressesOfEndpoint): Promise<void>;
  /** The network is gone, and all its addresses with it. */
  forget(network: NetworkRecord): Promise<void>;
}
