import type { AddressPoolRecord, NetworkRecord } from "#networks/networks.ts";

/** The network's addresses of a family. */
export function poolOf(
  network: Pick<NetworkRecord, "pools">,
  family: 4 | 6,
): AddressPoolRecord | undefined {
  return network.pools.find(({ subnet }) => subnet.includes(":") === (family === 6));
}
