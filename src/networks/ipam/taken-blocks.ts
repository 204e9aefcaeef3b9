import type { AddressState, LinkState, RouteState } from "#host/netlink.ts";
import { type Cidr, parseCidr, tryParseAddressWithPrefix } from "#base/ip.ts";
import type { NetworkRecord } from "#networks/networks.ts";

/** The host's devices as they are while a network is decided. */
export interface HostNetworkState {
  readonly links: readonly LinkState[];
  readonly addresses: readonly AddressState[];
  readonly routes: readonly RouteState[];
}

export interface TakenBlock {
  readonly block: Cidr;
  /** `route 10.0.0.0/8 on eth0`, for messages. */
  readonly description: string;
}

/** A VPN covers everything by 0.0.0.0/1 and 128.0.0.0/1: those are a default route in disguise. */
const WIDEST_ROUTE = 2;
const LOCAL_TABLE = 255;

/** Blocks that the host has addresses in or routes, but for what is on the device `exceptLink`. */
export function takenBlocks(
  host: HostNetworkState,
  exceptLink: LinkState | undefined,
): TakenBlock[] {
  const nameOf = (index: number | undefined): string =>
    host.links.find((link) => link.index === index)?.name ?? "another device";
  const taken: TakenBlock[] = [];
  const add = (cidr: string, what: string, linkIndex: number | undefined): void => {
    const block = tryParseAddressWithPrefix(
      cidr.includes("/") ? cidr : `${cidr}/${cidr.includes(":") ? 128 : 32}`,
    )?.subnet;
    if (!block || block.prefixLength < WIDEST_ROUTE) return;
    if (linkIndex !== undefined && linkIndex === exceptLink?.index) return;
    taken.push({
      block,
      // of thousands one is described at most, and the names of devices take long to read
      get description() {
        return `${what} ${cidr} on ${nameOf(linkIndex)}`;
      },
    });
  };
  for (const { cidr, linkIndex } of host.addresses) add(cidr, "address", linkIndex);
  for (const route of host.routes) {
    if (route.table === LOCAL_TABLE || route.destination === "default") continue;
    add(route.destination, "route", route.linkIndex);
  }
  return taken;
}

/** The subnets of networks; configurations have none. */
export function blocksOfNetworks(networks: readonly NetworkRecord[]): readonly TakenBlock[] {
  return networks.flatMap(({ name, pools, configOnly }) =>
    configOnly
      ? []
      : pools.map(({ subnet }) => ({
          block: parseCidr(subnet),
          description: `network "${name}" has ${subnet}`,
        })),
  );
}
