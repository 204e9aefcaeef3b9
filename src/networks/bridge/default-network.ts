import { InvalidArgumentError } from "#base/errors.ts";
import type { NetworksConfig } from "#networks/config.ts";
import { chooseSubnet, type SubnetPool } from "#networks/ipam/choose-subnet.ts";
import {
  type AddressWithPrefix,
  blockSize,
  type Cidr,
  contains,
  formatCidr,
  formatIp,
  overlaps,
  parseAddressWithPrefix,
  parseCidr,
  parseIp,
} from "#base/ip.ts";
import {
  type HostNetworkState,
  type TakenBlock,
  takenBlocks,
} from "#networks/ipam/taken-blocks.ts";
import type { NetworkRecord } from "#networks/networks.ts";
import { BRIDGE_OPTION } from "./bridge-options.ts";

function firstHost(subnet: Cidr): AddressWithPrefix {
  return { address: { family: subnet.family, value: subnet.base + 1n }, subnet };
}

function checkedBip(bip: string): AddressWithPrefix {
  const parsed = parseAddressWithPrefix(bip);
  const { address, subnet } = parsed;
  if (address.family !== 4) {
    throw new InvalidArgumentError(`Cannot use --bip ${bip}: want an IPv4 address`);
  }
  const last = subnet.base + blockSize(subnet) - 1n;
  if (subnet.prefixLength > 30 || address.value === subnet.base || address.value === last) {
    throw new InvalidArgumentError(
      `Cannot use --bip ${bip}: want an address of a host with its prefix, such as 172.17.0.1/16`,
    );
  }
  return parsed;
}

function poolsOf(config: NetworksConfig): readonly SubnetPool[] {
  return config.defaultAddressPools.filter(({ base }) => base.family === 4);
}

/**
 * Where the default bridge lives: `--bip`; the address that somebody else's bridge has; what it had before,
 * unless the host routes that elsewhere by now; `--fixed-cidr`; else a free block of the pools.
 */
function chooseGateway(request: {
  readonly config: NetworksConfig;
  readonly previous: NetworkRecord["pools"][number] | undefined;
  readonly foreignCidr: string | undefined;
  readonly taken: readonly TakenBlock[];
  readonly mayMove: boolean;
}): { readonly gateway: AddressWithPrefix; readonly warnings: readonly string[] } {
  const { config, previous, foreignCidr, taken } = request;
  const clashOf = (subnet: Cidr): TakenBlock | undefined =>
    taken.find(({ block }) => overlaps(block, subnet));
  if (config.bip !== undefined) {
    const gateway = checkedBip(config.bip);
    if (foreignCidr !== undefined && foreignCidr !== config.bip) {
      throw new InvalidArgumentError(
        `Cannot use --bip ${config.bip}: bridge "${config.bridge}" has the address ${foreignCidr}`,
      );
    }
    const clash = clashOf(gateway.subnet);
    const warnings = clash ? [`--bip ${config.bip} overlaps ${clash.description}`] : [];
    return { gateway, warnings };
  }
  if (foreignCidr !== undefined) {
    return { gateway: parseAddressWithPrefix(foreignCidr), warnings: [] };
  }
  const fixed = config.fixedCidr === undefined ? undefined : parseCidr(config.fixedCidr);
  const warnings: string[] = [];
  if (previous) {
    const subnet = parseCidr(previous.subnet);
    const clash = clashOf(subnet);
    const fits = !fixed || (overlaps(subnet, fixed) && fixed.prefixLength >= subnet.prefixLength);
    if (fits && (!clash || !request.mayMove)) {
      if (clash) warnings.push(`Network bridge (${previous.subnet}) overlaps ${clash.description}`);
      return { gateway: { address: parseIp(previous.gateway), subnet }, warnings };
    }
    if (clash) {
      warnings.push(`Network bridge leaves ${previous.subnet}: it overlaps ${clash.description}`);
    }
  }
  const blocks = taken.map(({ block }) => block);
  return { gateway: firstHost(fixed ?? chooseSubnet(poolsOf(config), blocks)), warnings };
}

/**
 * The record of network `bridge`, as configuration, the last run and the host's state make it.
 *
 * @param request.mayMove No container is on it, so that its subnet may change.
 * @throws {InvalidArgumentError} Contradictory flags. {ResourceExhaustedError} No free subnet.
 */
export function decideDefaultNetwork(request: {
  readonly config: NetworksConfig;
  readonly previous: NetworkRecord | undefined;
  readonly identity: Pick<NetworkRecord, "id" | "createdMs">;
  readonly host: HostNetworkState;
  readonly ownAlias: string;
  readonly mayMove: boolean;
}): { readonly network: NetworkRecord; readonly warnings: readonly string[] } {
  const { config, previous, identity, host } = request;
  const link = host.links.find(({ name }) => name === config.bridge);
  const isForeign = link !== undefined && link.alias !== request.ownAlias;
  const foreignCidr = isForeign
    ? host.addresses.find(
        ({ linkIndex, cidr, scope }) =>
          linkIndex === link.index && !cidr.includes(":") && scope === "global",
      )?.cidr
    : undefined;
  const { gateway, warnings } = chooseGateway({
    config,
    previous: previous?.pools[0],
    foreignCidr,
    taken: takenBlocks(host, link),
    mayMove: request.mayMove,
  });
  const range = config.fixedCidr === undefined ? undefined : parseCidr(config.fixedCidr);
  if (range) {
    const isInside =
      range.prefixLength >= gateway.subnet.prefixLength &&
      contains(gateway.subnet, { family: range.family, value: range.base });
    if (!isInside) {
      throw new InvalidArgumentError(
        `Cannot use --fixed-cidr ${config.fixedCidr}: it is not inside the bridge's subnet ${formatCidr(gateway.subnet)}`,
      );
    }
  }
  const pool = {
    subnet: formatCidr(gateway.subnet),
    gateway: formatIp(gateway.address),
    ...(range ? { ipRange: formatCidr(range) } : {}),
  };
  const network: NetworkRecord = {
    ...identity,
    name: "bridge",
    driver: "bridge",
    internal: false,
    enableIpv4: true,
    enableIpv6: false,
    labels: {},
    options: {
      [BRIDGE_OPTION.isDefault]: "true",
      [BRIDGE_OPTION.interContainer]: String(config.interContainer),
      [BRIDGE_OPTION.masquerade]: String(config.ipMasquerade),
      [BRIDGE_OPTION.hostBindingIpv4]: config.defaultBindAddress,
      [BRIDGE_OPTION.bridgeName]: config.bridge,
      [BRIDGE_OPTION.mtu]: String(config.mtuBytes || 1500),
    },
    pools: [pool],
  };
  return { network, warnings };
}
