import { createHash } from "node:crypto";
import { ResourceExhaustedError } from "#base/errors.ts";
import { type Cidr, blockSize, overlaps } from "#base/ip.ts";

/** A block that is cut into subnets of one size: `--default-address-pool base=…,size=…`. */
export interface SubnetPool {
  readonly base: Cidr;
  /** Prefix length of each subnet. */
  readonly size: number;
}

const ipv4 = (a: number, b: number): bigint => (BigInt(a) << 24n) | (BigInt(b) << 16n);

/** Docker's own (moby `ipamutils.localScopeDefaultNetworks`). */
export const DEFAULT_SUBNET_POOLS: readonly SubnetPool[] = [
  { base: { family: 4, base: ipv4(172, 17), prefixLength: 16 }, size: 16 },
  { base: { family: 4, base: ipv4(172, 18), prefixLength: 16 }, size: 16 },
  { base: { family: 4, base: ipv4(172, 19), prefixLength: 16 }, size: 16 },
  { base: { family: 4, base: ipv4(172, 20), prefixLength: 14 }, size: 16 },
  { base: { family: 4, base: ipv4(172, 24), prefixLength: 14 }, size: 16 },
  { base: { family: 4, base: ipv4(172, 28), prefixLength: 14 }, size: 16 },
  { base: { family: 4, base: ipv4(192, 168), prefixLength: 16 }, size: 20 },
];

/** For networks of the user's, where no pools are configured: small, so that some 3,800 of them fit. */
export const NETWORK_SUBNET_POOLS: readonly SubnetPool[] = [
  { base: { family: 4, base: ipv4(172, 18), prefixLength: 15 }, size: 24 },
  { base: { family: 4, base: ipv4(172, 20), prefixLength: 14 }, size: 24 },
  { base: { family: 4, base: ipv4(172, 24), prefixLength: 14 }, size: 24 },
  { base: { family: 4, base: ipv4(172, 28), prefixLength: 14 }, size: 24 },
  { base: { family: 4, base: ipv4(192, 168), prefixLength: 16 }, size: 24 },
];

function firstFreeIn(pool: SubnetPool, taken: readonly Cidr[]): Cidr | undefined {
  const { family, prefixLength } = pool.base;
  const step = blockSize({ ...pool.base, prefixLength: pool.size });
  const end = pool.base.base + blockSize({ ...pool.base, prefixLength });
  const clashes = taken
    .filter((block) => overlaps(block, pool.base))
    .toSorted((a, b) => (a.base < b.base ? -1 : 1));
  let base = pool.base.base;
  for (const clash of clashes) {
    const past = clash.base + blockSize(clash);
    if (past <= base) continue;
    if (clash.base >= base + step) break;
    // past the whole clash at once: a /8 route must not cost a step for each /24 in it
    base = past + ((step - (past % step)) % step);
  }
  return base < end ? { family, base, prefixLength: pool.size } : undefined;
}

/**
 * The first subnet of the pools that overlaps nothing taken.
 *
 * @param taken Addresses and routes of the host, and the subnets of the engine's other networks.
 * @throws {ResourceExhaustedError} With Docker's text, when all are taken.
 */
export function chooseSubnet(pools: readonly SubnetPool[], taken: readonly Cidr[]): Cidr {
  for (const pool of pools) {
    const subnet = firstFreeIn(pool, taken);
    if (subnet) return subnet;
  }
  throw new ResourceExhaustedError("all predefined address pools have been fully subnetted");
}

/** Pools of a family; for IPv6, where none are configured, the engine's own unique local /48 (RFC 4193), cut into /64. */
export function poolsOfFamily(
  configured: readonly SubnetPool[],
  family: 4 | 6,
  engineId: string,
): readonly SubnetPool[] {
  const pools = configured.filter(({ base }) => base.family === family);
  if (family === 4 || pools.length > 0) return pools;
  const digest = createHash("sha256").update(engineId).digest();
  const base = (0xfdn << 120n) | (BigInt(`0x${digest.toString("hex", 0, 5)}`) << 80n);
  return [{ base: { family: 6, base, prefixLength: 48 }, size: 64 }];
}
