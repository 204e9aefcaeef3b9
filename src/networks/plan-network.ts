import {
  ConflictError,
  InvalidArgumentError,
  NotFoundError,
  PermissionDeniedError,
} from "#base/errors.ts";
import { gatewayModeOf } from "./bridge/bridge-options.ts";
import { chooseSubnet, poolsOfFamily, type SubnetPool } from "./ipam/choose-subnet.ts";
import {
  blockSize,
  type Cidr,
  contains,
  formatCidr,
  formatIp,
  type IpAddress,
  overlaps,
  parseCidr,
  parseIp,
  tryParseAddressWithPrefix,
  tryParseIp,
} from "#base/ip.ts";
import type { PoolWish } from "./ipam/ipam.ts";
import { isOwnIpam } from "./ipam/ipam-table.ts";
import { blocksOfNetworks, type TakenBlock } from "./ipam/taken-blocks.ts";
import type { AddressPoolRecord, NetworkRecord, NetworkRequest, PoolRequest } from "./networks.ts";

export const PREDEFINED_NETWORKS: ReadonlySet<string> = new Set([
  "bridge",
  "default",
  "host",
  "none",
]);

const OWN_DRIVERS: ReadonlySet<string> = new Set(["bridge", "macvlan", "ipvlan", "overlay"]);

export interface NetworkPlanContext {
  readonly engineId: string;
  readonly identity: Pick<NetworkRecord, "id" | "createdMs">;
  readonly networks: readonly NetworkRecord[];
  /** What the host has addresses in or routes, but for the device that the network takes over. */
  readonly taken: readonly TakenBlock[];
  readonly pools: readonly SubnetPool[];
  /** Options that a network gets which does not have them, by driver. */
  readonly defaultOptions: Readonly<Record<string, NetworkRecord["options"]>>;
}

/**
 * Decides the whole record of a network that is to be made.
 *
 * @throws {InvalidArgumentError} {PermissionDeniedError} {ConflictError} {NotFoundError} With Docker's texts; a
 *   clash names the other network, or the host's route and its device.
 */
export function planNetwork(request: NetworkRequest, context: NetworkPlanContext): NetworkRecord {
  checkName(request.name, context.networks);
  const source = configSource(request, context.networks);
  const from = source
    ? withConfig(request, source)
    : {
        ...request,
        options: { ...context.defaultOptions[request.driver || "bridge"], ...request.options },
      };
  checkFamilies(from);
  const driver = request.configOnly ? "null" : driverOf(from.driver);
  const wishes = from.pools.map(checkedPool);
  if (driver === "bridge") checkOneEach(wishes);
  checkOwnOverlaps(wishes);
  const pools = request.configOnly ? wishes : allocate({ ...from, driver }, wishes, context);
  const { ipamDriver } = from;
  return {
    ...context.identity,
    name: request.name,
    driver,
    internal: from.internal,
    attachable: from.attachable,
    enableIpv4: from.enableIpv4,
    enableIpv6: from.enableIpv6,
    labels: from.labels,
    options: from.options,
    pools,
    ...(ipamDriver === "" || ipamDriver === "default" ? {} : { ipamDriver }),
    ...(Object.keys(from.ipamOptions).length > 0 ? { ipamOptions: from.ipamOptions } : {}),
    ...(request.configOnly ? { configOnly: true } : {}),
    ...(source ? { configFrom: source.name } : {}),
  };
}

function checkName(name: string, networks: readonly NetworkRecord[]): void {
  if (name.trim() === "") throw new InvalidArgumentError("invalid name: name is empty");
  if (PREDEFINED_NETWORKS.has(name)) {
    throw new PermissionDeniedError(`operation is not permitted on predefined ${name} network `);
  }
  if (networks.some((network) => network.name === name)) {
    throw new ConflictError(`network with name ${name} already exists`);
  }
}

function configSource(
  { configFrom, configOnly }: NetworkRequest,
  networks: readonly NetworkRecord[],
): NetworkRecord | undefined {
  if (configFrom === "") return undefined;
  if (configOnly) {
    throw new PermissionDeniedError(
      "a configuration network cannot depend on another configuration network",
    );
  }
  const source = networks.find(({ name }) => name === configFrom);
  if (!source) throw new NotFoundError(`network ${configFrom} not found`);
  if (!source.configOnly) {
    throw new PermissionDeniedError(
      `network "${configFrom}" is not a configuration network: make one with --config-only`,
    );
  }
  return source;
}

function withConfig(request: NetworkRequest, source: NetworkRecord): NetworkRequest {
  const isOwn =
    request.pools.length > 0 ||
    Object.keys(request.options).length > 0 ||
    Object.keys(request.ipamOptions).length > 0 ||
    request.internal ||
    request.enableIpv6;
  if (isOwn) {
    throw new PermissionDeniedError(
      "user specified configurations are not supported if the network depends on a configuration network",
    );
  }
  return {
    ...request,
    internal: source.internal,
    enableIpv4: source.enableIpv4,
    enableIpv6: source.enableIpv6,
    labels: { ...source.labels, ...request.labels },
    options: source.options,
    ipamDriver: source.ipamDriver ?? "",
    ipamOptions: source.ipamOptions ?? {},
    pools: source.pools.map((pool) => ({
      subnet: pool.subnet,
      gateway: pool.gateway,
      ipRange: pool.ipRange ?? "",
      auxiliary: pool.auxiliary ?? {},
    })),
  };
}

function checkFamilies({ enableIpv4, enableIpv6 }: NetworkRequest): void {
  if (!enableIpv4 && !enableIpv6) {
    throw new InvalidArgumentError("IPv4 or IPv6 must be enabled");
  }
}

function driverOf(driver: string): string {
  if (driver !== "overlay") return driver === "" ? "bridge" : driver;
  throw new PermissionDeniedError(
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect ' +
      "this node to swarm and try again.",
  );
}

function invalid(reason: string): InvalidArgumentError {
  return new InvalidArgumentError(`invalid network config:\n${reason}`);
}

/** A wish whose parts fit each other; `gateway` may be empty still, and so may `subnet`. */
function checkedPool({ subnet, gateway, ipRange, auxiliary }: PoolRequest): AddressPoolRecord {
  if (subnet === "") {
    if (gateway !== "" || ipRange !== "" || Object.keys(auxiliary).length > 0) {
      throw invalid("a gateway, IP range or auxiliary address needs a subnet: add --subnet");
    }
    return { subnet, gateway };
  }
  const parsed = tryParseAddressWithPrefix(subnet);
  if (!parsed) throw invalid(`invalid subnet ${subnet}: want an address with its prefix`);
  const block = parsed.subnet;
  if (parsed.address.value !== block.base) {
    throw invalid(`invalid subnet ${subnet}: it should be ${formatCidr(block)}`);
  }
  if (blockSize(block) < 2n) throw invalid(`invalid subnet ${subnet}: it holds one address`);
  const inSubnet = (what: string, text: string): string => {
    const address = tryParseIp(text);
    if (!address) throw invalid(`invalid ${what} ${text}: want an IP address`);
    if (!contains(block, address)) {
      throw invalid(`invalid ${what} ${text}: parent subnet ${subnet} does not contain it`);
    }
    return formatIp(address);
  };
  return {
    subnet: formatCidr(block),
    gateway: gateway === "" ? "" : inSubnet("gateway", gateway.replace(/\/.*/, "")),
    ...(ipRange === "" ? {} : { ipRange: checkedRange(block, ipRange) }),
    ...(Object.keys(auxiliary).length === 0
      ? {}
      : {
          auxiliary: Object.fromEntries(
            Object.entries(auxiliary).map(([name, text]) => [
              name,
              inSubnet("auxiliary address", text),
            ]),
          ),
        }),
    isUserChosen: true,
  };
}

function checkedRange(block: Cidr, text: string): string {
  const parsed = tryParseAddressWithPrefix(text);
  if (!parsed) throw invalid(`invalid ip-range ${text}: want an address with its prefix`);
  const range = parsed.subnet;
  if (parsed.address.value !== range.base) {
    throw invalid(`invalid ip-range ${text}: it should be ${formatCidr(range)}`);
  }
  if (range.prefixLength < block.prefixLength || !contains(block, parsed.address)) {
    throw invalid(
      `invalid ip-range ${text}: parent subnet ${formatCidr(block)} does not contain it`,
    );
  }
  return formatCidr(range);
}

function checkOwnOverlaps(pools: readonly AddressPoolRecord[]): void {
  const blocks = pools.flatMap(({ subnet }) => (subnet === "" ? [] : [parseCidr(subnet)]));
  blocks.forEach((block, index) => {
    const other = blocks.find((one, at) => at < index && overlaps(one, block));
    if (other) refuse(`it is given twice, as ${formatCidr(other)} and ${formatCidr(block)}`);
  });
}

function refuse(description: string): never {
  throw new PermissionDeniedError(
    `invalid pool request: Pool overlaps with other one on this address space: ${description}`,
  );
}

function checkOneEach(pools: readonly AddressPoolRecord[]): void {
  const families = pools.flatMap(({ subnet }) => (subnet === "" ? [] : [parseCidr(subnet).family]));
  if (new Set(families).size < families.length) {
    throw new PermissionDeniedError("bridge driver doesn't support multiple subnets");
  }
}

/** The pools with what the user left to the engine; each clash is refused. */
function allocate(
  request: NetworkRequest,
  wishes: readonly AddressPoolRecord[],
  context: NetworkPlanContext,
): readonly AddressPoolRecord[] {
  const others = blocksOfNetworks(context.networks);
  const chosen = wishes.filter(({ subnet }) => subnet !== "");
  if (request.ipamDriver === "null") return withoutPools(request);
  if (!isOwnIpam(request.ipamDriver)) return chosen.filter(isEnabled(request));
  // on a device of the host the others of its network have addresses of the same subnet
  const forbidden = request.driver === "bridge" ? [...others, ...context.taken] : others;
  const hasGateway = (family: 4 | 6): boolean =>
    request.driver !== "bridge" || gatewayModeOf(request, family) !== "isolated";
  const complete = (family: 4 | 6): readonly AddressPoolRecord[] => {
    const wishesOfFamily = chosen.filter(({ subnet }) => parseCidr(subnet).family === family);
    if (wishesOfFamily.length === 0) {
      const pools = poolsOfFamily(context.pools, family, context.engineId);
      const blocks = [...others, ...context.taken].map(({ block }) => block);
      const subnet = chooseSubnet(pools, blocks);
      const gateway = hasGateway(family) ? formatIp(firstHost(subnet)) : "";
      return [{ subnet: formatCidr(subnet), gateway }];
    }
    return wishesOfFamily.map((wish) => {
      const clash = forbidden.find(({ block }) => overlaps(block, parseCidr(wish.subnet)));
      if (clash) refuse(clash.description);
      if (wish.gateway !== "" || !hasGateway(family)) return wish;
      return { ...wish, gateway: freeGateway(wish) };
    });
  };
  return [...(request.enableIpv4 ? complete(4) : []), ...(request.enableIpv6 ? complete(6) : [])];
}

function isEnabled({
  enableIpv4,
  enableIpv6,
}: Pick<NetworkRecord, "enableIpv4" | "enableIpv6">): (pool: AddressPoolRecord) => boolean {
  return ({ subnet }) => (parseCidr(subnet).family === 4 ? enableIpv4 : enableIpv6);
}

/** Our own drivers need addresses; a plugin may go without. */
function withoutPools({ driver }: NetworkRequest): readonly AddressPoolRecord[] {
  if (OWN_DRIVERS.has(driver)) throw new InvalidArgumentError("ipv4 pool is empty");
  return [];
}

/** What is asked of a plugin that gives the subnets: those that were chosen, else any one of each family. */
export function poolWishes(network: NetworkRecord): readonly PoolWish[] {
  const families = [
    ...(network.enableIpv4 ? [4 as const] : []),
    ...(network.enableIpv6 ? [6 as const] : []),
  ];
  return families.flatMap((family) => {
    const chosen = network.pools.filter(({ subnet }) => parseCidr(subnet).family === family);
    const wishes = chosen.length > 0 ? chosen : [{ subnet: "", gateway: "" }];
    return wishes.map((wish) => ({ family, wish }));
  });
}

function firstHost({ family, base }: Cidr): IpAddress {
  return { family, value: base + 1n };
}

/** The first address that is not an auxiliary one. */
function freeGateway({ subnet, ipRange, auxiliary = {} }: AddressPoolRecord): string {
  const block = parseCidr(subnet);
  const reserved = new Set(Object.values(auxiliary).map((text) => parseIp(text).value));
  const range = ipRange === undefined ? block : parseCidr(ipRange);
  const skipsFirst = range.base === block.base && blockSize(block) > 2n;
  let value = range.base + (skipsFirst ? 1n : 0n);
  while (reserved.has(value)) value += 1n;
  const gateway: IpAddress = { family: block.family, value };
  if (!contains(block, gateway)) throw invalid(`no address is left for a gateway in ${subnet}`);
  return formatIp(gateway);
}
