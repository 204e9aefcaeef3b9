import { InvalidArgumentError } from "#base/errors.ts";
import {
  type AddressWithPrefix,
  blockSize,
  type Cidr,
  contains,
  formatCidr,
  formatIp,
  overlaps,
  parseCidr,
  parseIp,
  tryParseAddressWithPrefix,
  tryParseIp,
} from "#base/ip.ts";
import type { BridgeAddresses } from "#networks/config.ts";
import { chooseSubnet, type SubnetPool } from "#networks/ipam/choose-subnet.ts";
import type { TakenBlock } from "#networks/ipam/taken-blocks.ts";
import type { AddressPoolRecord } from "#networks/networks.ts";

/** Names of auxiliary addresses that stand for the containers' gateway, in the bridge's place; docker's. */
export const GATEWAY_AUXILIARY: Readonly<Record<4 | 6, string>> = {
  4: "DefaultGatewayIPv4",
  6: "DefaultGatewayIPv6",
};

const FLAGS = {
  4: { address: "--bip", range: "--fixed-cidr", gateway: "--default-gateway", bits: 32 },
  6: { address: "--bip6", range: "--fixed-cidr-v6", gateway: "--default-gateway-v6", bits: 128 },
} as const;

const EXAMPLES = { 4: "172.17.0.1/16", 6: "fd00:1::1/64" } as const;
const LINK_LOCAL = parseCidr("fe80::/10");

interface SubnetRequest {
  readonly family: 4 | 6;
  readonly bridge: string;
  readonly configured: BridgeAddresses;
  /** What the network had at the engine's last run. */
  readonly previous: AddressPoolRecord | undefined;
  /** Address of a bridge that is not the engine's. */
  readonly foreignCidr: string | undefined;
  readonly taken: readonly TakenBlock[];
  /** Of the family. */
  readonly pools: readonly SubnetPool[];
  /** No container is on it, so that its subnet may change. */
  readonly mayMove: boolean;
}

/**
 * The default network's subnet of one family: as `--bip` says; where somebody else's bridge is; what it was before,
 * unless the host routes that elsewhere by now; `--fixed-cidr`; else a free block of the pools.
 *
 * @throws {InvalidArgumentError} Contradictory flags. {ResourceExhaustedError} No free subnet.
 */
export function decideDefaultSubnet(request: SubnetRequest): {
  readonly pool: AddressPoolRecord;
  readonly warnings: readonly string[];
} {
  const { family, configured } = request;
  const range =
    configured.fixedCidr === undefined ? undefined : checkedRange(family, configured.fixedCidr);
  const { own, warnings } = chooseOwn(request, range);
  if (range && !isWithin(range, own.subnet)) {
    throw new InvalidArgumentError(
      `Cannot use ${FLAGS[family].range} ${configured.fixedCidr}: it is not inside the bridge's subnet ${formatCidr(own.subnet)}`,
    );
  }
  const gateway = configured.gateway ? checkedGateway(family, configured.gateway, own) : undefined;
  const isChosen = configured.address !== undefined || range !== undefined;
  const pool: AddressPoolRecord = {
    subnet: formatCidr(own.subnet),
    gateway: formatIp(own.address),
    ...(range ? { ipRange: formatCidr(range) } : {}),
    ...(gateway === undefined ? {} : { auxiliary: { [GATEWAY_AUXILIARY[family]]: gateway } }),
    ...(isChosen ? { isUserChosen: true } : {}),
  };
  return { pool, warnings };
}

/** The bridge's own address. */
function chooseOwn(
  { family, bridge, configured, previous, foreignCidr, taken, pools, mayMove }: SubnetRequest,
  range: Cidr | undefined,
): { readonly own: AddressWithPrefix; readonly warnings: readonly string[] } {
  const clashOf = (subnet: Cidr): TakenBlock | undefined =>
    taken.find(({ block }) => overlaps(block, subnet));
  const { address } = configured;
  if (address !== undefined) {
    const flag = `${FLAGS[family].address} ${address}`;
    const own = checkedAddress(family, address);
    if (foreignCidr !== undefined && foreignCidr !== address) {
      throw new InvalidArgumentError(
        `Cannot use ${flag}: bridge "${bridge}" has the address ${foreignCidr}`,
      );
    }
    const clash = clashOf(own.subnet);
    return { own, warnings: clash ? [`${flag} overlaps ${clash.description}`] : [] };
  }
  const foreign = foreignCidr === undefined ? undefined : tryParseAddressWithPrefix(foreignCidr);
  if (foreign) return { own: foreign, warnings: [] };
  const warnings: string[] = [];
  if (previous) {
    const subnet = parseCidr(previous.subnet);
    const clash = clashOf(subnet);
    const fits = !range || isWithin(range, subnet);
    if (fits && (!clash || !mayMove)) {
      if (clash) warnings.push(`Network bridge (${previous.subnet}) overlaps ${clash.description}`);
      return { own: { address: parseIp(previous.gateway), subnet }, warnings };
    }
    if (clash) {
      warnings.push(`Network bridge leaves ${previous.subnet}: it overlaps ${clash.description}`);
    }
  }
  const blocks = taken.map(({ block }) => block);
  return { own: firstHost(range ?? chooseSubnet(pools, blocks)), warnings };
}

function isWithin(range: Cidr, subnet: Cidr): boolean {
  return (
    range.prefixLength >= subnet.prefixLength &&
    contains(subnet, { family: range.family, value: range.base })
  );
}

function firstHost(subnet: Cidr): AddressWithPrefix {
  return { address: { family: subnet.family, value: subnet.base + 1n }, subnet };
}

function checkedAddress(family: 4 | 6, text: string): AddressWithPrefix {
  const parsed = tryParseAddressWithPrefix(text);
  const what = `Cannot use ${FLAGS[family].address} ${text}`;
  if (parsed?.address.family !== family) {
    throw new InvalidArgumentError(`${what}: want an IPv${family} address with its prefix`);
  }
  const { address, subnet } = parsed;
  const last = subnet.base + blockSize(subnet) - 1n;
  const isEdge = address.value === subnet.base || (family === 4 && address.value === last);
  if (subnet.prefixLength > FLAGS[family].bits - 2 || isEdge) {
    throw new InvalidArgumentError(
      `${what}: want an address of a host with its prefix, such as ${EXAMPLES[family]}`,
    );
  }
  checkRouted(what, subnet);
  return parsed;
}

function checkedRange(family: 4 | 6, text: string): Cidr {
  const block = tryParseAddressWithPrefix(text)?.subnet;
  const what = `Cannot use ${FLAGS[family].range} ${text}`;
  if (block?.family !== family) {
    throw new InvalidArgumentError(`${what}: '${text}' is not a valid IPv${family} subnet`);
  }
  checkRouted(what, block);
  return block;
}

function checkRouted(what: string, block: Cidr): void {
  if (block.family === 4 || !overlaps(block, LINK_LOCAL)) return;
  throw new InvalidArgumentError(`${what}: link-local addresses are not routed`);
}

function checkedGateway(family: 4 | 6, text: string, own: AddressWithPrefix): string {
  const what = `Cannot use ${FLAGS[family].gateway} ${text}`;
  const gateway = tryParseIp(text);
  if (gateway?.family !== family) {
    throw new InvalidArgumentError(`${what}: want an IPv${family} address`);
  }
  if (!contains(own.subnet, gateway)) {
    throw new InvalidArgumentError(
      `${what}: it is not inside the bridge's subnet ${formatCidr(own.subnet)}`,
    );
  }
  if (gateway.value === own.address.value) {
    throw new InvalidArgumentError(`${what}: it is the bridge's own address`);
  }
  return formatIp(gateway);
}
