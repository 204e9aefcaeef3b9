import { InvalidArgumentError } from "#base/errors.ts";
import {
  DEFAULT_SUBNET_POOLS,
  NETWORK_SUBNET_POOLS,
  type SubnetPool,
} from "./ipam/choose-subnet.ts";
import { parseCidr } from "#base/ip.ts";
import type { FirewallMode } from "./firewall/foreign-rules.ts";

/** What is configured of the default network's addresses, for one family. */
export interface BridgeAddresses {
  /** `172.17.0.1/16`: the bridge's own address (`--bip`, `--bip6`). */
  readonly address?: string;
  /** Part of the bridge's subnet that containers get addresses of (`--fixed-cidr`, `--fixed-cidr-v6`). */
  readonly fixedCidr?: string;
  /** Of containers, in the bridge's place (`--default-gateway`, `--default-gateway-v6`). */
  readonly gateway?: string;
}

/** The daemon's flags that concern networks. */
export interface NetworksConfig {
  /** Device of network `bridge`: made and owned when missing. `none`: there is no such network. */
  readonly bridge: string;
  readonly ipv4: BridgeAddresses;
  /** Absent: the default network has no IPv6. */
  readonly ipv6?: BridgeAddresses;
  /** 0 for the default, 1500. */
  readonly mtuBytes: number;
  /** Containers of the default network may talk to each other (`--icc`). */
  readonly interContainer: boolean;
  /** Switch net.ipv4.ip_forward on. */
  readonly ipForward: boolean;
  readonly ipMasquerade: boolean;
  readonly defaultAddressPools: readonly SubnetPool[];
  /** Where networks of the user's get their subnets; the same unless nothing is configured. */
  readonly networkPools: readonly SubnetPool[];
  /** Where a published port goes that names no address; `0.0.0.0` means `::` as well. */
  readonly defaultBindAddress: string;
  /** Whether accept rules are put into the host's own chains that drop our traffic. */
  readonly firewall: FirewallMode;
  /** What `host-gateway` of `--add-host` stands for; the bridge's own address when empty. */
  readonly hostGateways: readonly string[];
  /** Other machines may reach published ports by the containers' own addresses (`--allow-direct-routing`). */
  readonly isRoutedDirectly: boolean;
  /** Options of networks that are made without them, by driver (`--default-network-opt`). */
  readonly networkOptions: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** dockerd's defaults, on a bridge of our own name. */
export const DEFAULT_NETWORKS_CONFIG: NetworksConfig = {
  bridge: "wharf0",
  ipv4: {},
  mtuBytes: 0,
  interContainer: true,
  ipForward: true,
  ipMasquerade: true,
  defaultAddressPools: DEFAULT_SUBNET_POOLS,
  networkPools: NETWORK_SUBNET_POOLS,
  defaultBindAddress: "0.0.0.0",
  firewall: "cooperate",
  hostGateways: [],
  isRoutedDirectly: false,
  networkOptions: {},
};

/**
 * One entry of `default-address-pools`: the block `base`, cut into subnets of prefix length `size`.
 *
 * @throws {InvalidArgumentError} A malformed block, or a size that does not fit in it.
 */
export function parseSubnetPool(pool: {
  readonly base: string;
  readonly size: number;
}): SubnetPool {
  const base = parseCidr(pool.base);
  const bits = base.family === 4 ? 32 : 128;
  const isWhole = Number.isInteger(pool.size);
  if (!isWhole || pool.size < base.prefixLength || pool.size > bits - 2) {
    throw new InvalidArgumentError(
      `invalid default address pool base=${pool.base},size=${pool.size}: ` +
        `want a size from ${base.prefixLength} to ${bits - 2}`,
    );
  }
  return { base, size: pool.size };
}
