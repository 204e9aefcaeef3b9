import type { EndpointAddresses, EndpointRecord } from "#networks/driver.ts";
import type { AddressPoolRecord, NetworkRecord } from "#networks/networks.ts";

/** What an endpoint asks of its network's addresses; empty or absent leaves the choice. */
export interface AddressWishes {
  readonly ipv4Address?: string;
  readonly ipv6Address?: string;
  readonly macAddress?: string;
}

export interface PoolWish {
  readonly family: 4 | 6;
  readonly wish: AddressPoolRecord;
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
  /**
   * Takes the subnets of a network that is to be made.
   *
   * @param wishes One for each; empty texts leave the choice.
   * @param onPool Called after each, before anything else is asked: what is recorded is given back after a crash.
   */
  requestPools(
    network: NetworkRecord,
    wishes: readonly PoolWish[],
    onPool: (pools: readonly AddressPoolRecord[]) => void,
  ): Promise<readonly AddressPoolRecord[]>;
  /** Once after a restart, the addresses of those who live adopted: says them to who forgets them. */
  replay(network: NetworkRecord): Promise<void>;
}
