import {
  ConflictError,
  messageOf,
  PermissionDeniedError,
  ResourceExhaustedError,
} from "#base/errors.ts";
import { contains, formatIp, type IpAddress, parseCidr, parseIp } from "#base/ip.ts";
import type { EndpointAddresses, TakenAddress } from "#networks/driver.ts";
import type { AddressPoolRecord, NetworkRecord } from "#networks/networks.ts";
import { AddressPool } from "./address-pool.ts";
import type { AddressesOfEndpoint, AddressWishes, Ipam } from "./ipam.ts";

interface Pool {
  readonly record: AddressPoolRecord;
  readonly addresses: AddressPool;
}

/** The engine's own addresses. Kept in memory: after a restart the records of sandboxes say who has which. */
export class LocalIpam implements Ipam {
  readonly #pools = new Map<string, readonly Pool[]>();

  async take(
    network: NetworkRecord,
    { ipv4Address, ipv6Address }: AddressWishes,
  ): Promise<EndpointAddresses> {
    const ipv4 = this.#takeOne(network, 4, ipv4Address);
    try {
      const ipv6 = this.#takeOne(network, 6, ipv6Address);
      return { ...(ipv4 ? { ipv4 } : {}), ...(ipv6 ? { ipv6 } : {}) };
    } catch (error) {
      if (ipv4) this.#giveBack(network, parseIp(ipv4.address));
      throw error;
    }
  }

  adopt(network: NetworkRecord, endpoint: AddressesOfEndpoint): void {
    for (const address of addressesOf(endpoint)) {
      const pool = this.#poolsOf(network, address.family).find(has(address));
      if (!pool) throw new ConflictError(`no subnet of network ${network.name} has it`);
      pool.addresses.takeExactly(address);
    }
  }

  async release(network: NetworkRecord, endpoint: AddressesOfEndpoint): Promise<void> {
    for (const address of addressesOf(endpoint)) this.#giveBack(network, address);
  }

  async forget({ id }: NetworkRecord): Promise<void> {
    this.#pools.delete(id);
  }

  /** Decided with the network: `planNetwork`. */
  async requestPools(network: NetworkRecord): Promise<readonly AddressPoolRecord[]> {
    return network.pools;
  }

  async replay(): Promise<void> {}

  #giveBack(network: NetworkRecord, address: IpAddress): void {
    this.#poolsOf(network, address.family).find(has(address))?.addresses.release(address);
  }

  #takeOne(
    network: NetworkRecord,
    family: 4 | 6,
    wanted: string | undefined,
  ): TakenAddress | undefined {
    const pools = this.#poolsOf(network, family);
    if (pools.length === 0) return undefined;
    return wanted ? takeWanted(pools, parseIp(wanted)) : takeFree(pools);
  }

  #poolsOf(network: NetworkRecord, family: 4 | 6): readonly Pool[] {
    let pools = this.#pools.get(network.id);
    // the default network's subnet may change from one start to the next
    const isSame = pools?.every(
      ({ record }, index) => record.subnet === network.pools[index]?.subnet,
    );
    if (!pools || !isSame || pools.length !== network.pools.length) {
      pools = network.pools.map((record) => ({ record, addresses: poolOf(record) }));
      this.#pools.set(network.id, pools);
    }
    return pools.filter(({ addresses }) => addresses.subnet.family === family);
  }
}

function poolOf({ subnet, gateway, ipRange, auxiliary = {} }: AddressPoolRecord): AddressPool {
  const range = ipRange === undefined ? undefined : parseCidr(ipRange);
  const reserved = [gateway, ...Object.values(auxiliary)].filter((text) => text !== "");
  return new AddressPool(parseCidr(subnet), range, reserved.map(parseIp));
}

function has(address: IpAddress): (pool: Pool) => boolean {
  return ({ addresses: { subnet } }) =>
    subnet.family === address.family && contains(subnet, address);
}

function takeWanted(pools: readonly Pool[], address: IpAddress): TakenAddress {
  const pool = pools.find(has(address)) ?? pools[0];
  try {
    pool?.addresses.takeExactly(address);
  } catch (cause) {
    throw new PermissionDeniedError(messageOf(cause), { cause });
  }
  return taken(address, pool);
}

/** Of the first that has one left. */
function takeFree(pools: readonly Pool[]): TakenAddress {
  let full: unknown;
  for (const pool of pools) {
    try {
      return taken(pool.addresses.take(), pool);
    } catch (error) {
      if (!(error instanceof ResourceExhaustedError)) throw error;
      full ??= error;
    }
  }
  throw full;
}

function taken(address: IpAddress, pool: Pool | undefined): TakenAddress {
  return {
    address: formatIp(address),
    prefixLength: pool?.addresses.subnet.prefixLength ?? 0,
    gateway: pool?.record.gateway ?? "",
  };
}

function addressesOf({ ipAddress, ipv6Address = "" }: AddressesOfEndpoint): readonly IpAddress[] {
  return [ipAddress, ipv6Address].filter((text) => text !== "").map(parseIp);
}
