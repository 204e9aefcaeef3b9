import { InvalidArgumentError } from "#base/errors.ts";
import { contains, overlaps, parseCidr, parseIp } from "#base/ip.ts";

interface IpamFlags {
  readonly subnet: readonly string[];
  readonly gateway: readonly string[];
  readonly "ip-range": readonly string[];
  readonly "aux-address": Readonly<Record<string, string>>;
}

interface PoolFields {
  readonly Subnet: string;
  IPRange?: string;
  Gateway?: string;
  AuxiliaryAddresses?: Record<string, string>;
}

/**
 * Each range, gateway and auxiliary address with the subnet that it is in, as docker's client joins them.
 *
 * @throws {InvalidArgumentError} In docker's words.
 */
export function ipamConfig(flags: IpamFlags): readonly PoolFields[] {
  const { subnet: subnets, gateway: gateways, "ip-range": ranges } = flags;
  if (subnets.length < ranges.length || subnets.length < gateways.length) {
    throw new InvalidArgumentError("every ip-range or gateway must have a corresponding subnet");
  }
  const pools = new Map<string, PoolFields>();
  for (const subnet of subnets) {
    for (const other of pools.keys()) {
      if (overlaps(parseCidr(subnet), parseCidr(other))) {
        throw new InvalidArgumentError(
          "multiple overlapping subnet configuration is not supported",
        );
      }
    }
    pools.set(subnet, { Subnet: subnet });
  }
  const poolOf = (address: string, what: string, shown: string): PoolFields => {
    const parsed = parseIp(address);
    const pool = pools.values().find(({ Subnet }) => contains(parseCidr(Subnet), parsed));
    if (!pool) throw new InvalidArgumentError(`no matching subnet for ${what} ${shown}`);
    return pool;
  };
  for (const range of ranges) {
    const pool = poolOf(range.replace(/\/.*/, ""), "range", range);
    if (pool.IPRange !== undefined) {
      throw new InvalidArgumentError(
        `cannot configure multiple ranges (${range}, ${pool.IPRange}) on the same subnet (${pool.Subnet})`,
      );
    }
    pool.IPRange = range;
  }
  for (const gateway of gateways) {
    const pool = poolOf(gateway, "gateway", gateway);
    if (pool.Gateway !== undefined) {
      throw new InvalidArgumentError(
        `cannot configure multiple gateways (${gateway}, ${pool.Gateway}) for the same subnet (${pool.Subnet})`,
      );
    }
    pool.Gateway = gateway;
  }
  for (const [name, address] of Object.entries(flags["aux-address"])) {
    const pool = poolOf(address, "aux-address", address);
    pool.AuxiliaryAddresses = { ...pool.AuxiliaryAddresses, [name]: address };
  }
  return [...pools.values()];
}
