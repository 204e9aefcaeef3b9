/**
 * What other people's rules do to the traffic of our networks.
 *
 * A packet that is forwarded meets every base chain of hook `forward`, ours and theirs; one that drops it decides.
 * So an accept of ours helps nobody against a chain of theirs, and an accept rule put into theirs opens nothing
 * that our own chain closes. Their rules come first: ours go straight before what drops everything that is left, a
 * rule or the chain's policy, or into DOCKER-USER, which dockerd has for that.
 */
import type { NftOp } from "#host/nft.ts";
import type { NetworkRules } from "#networks/driver.ts";

type Family = "ip" | "ip6" | "inet";

/** A base chain of hook `forward`, of filter type. */
export interface ForwardChain {
  readonly family: Family;
  readonly table: string;
  readonly name: string;
  readonly policy: "accept" | "drop";
}

/** `nft -j list …`, as far as it is looked at here. */
interface Item {
  readonly chain?: {
    readonly family: string;
    readonly table: string;
    readonly name: string;
    readonly type?: string;
    readonly hook?: string;
    readonly policy?: string;
  };
  readonly rule?: Rule;
}

interface Rule {
  readonly table: string;
  readonly chain: string;
  readonly handle: number;
  readonly comment?: string;
  readonly expr?: readonly Statement[];
}

type Statement = Readonly<Record<string, unknown>>;

/** How an accept rule finds its packets. */
export interface Accept {
  readonly key: "iifname" | "oifname";
  readonly device: string;
}

export interface Obstacle {
  readonly chain: ForwardChain;
  /** `policy drop`, `its rule reject`. */
  readonly why: string;
  /** Chain that accept rules belong into; absent where the host's administrator has said no in DOCKER-USER. */
  readonly place?: string;
}

const FAMILIES: ReadonlySet<string> = new Set(["ip", "ip6", "inet"]);
const DOCKER_USER = "DOCKER-USER";
/** Names that nft(8) takes as they are. */
const PLAIN_NAME = /^[A-Za-z][\w.-]*$/;

function itemsOf(listing: unknown): readonly Item[] {
  const { nftables = [] } = (listing ?? {}) as { nftables?: readonly Item[] };
  return nftables;
}

/** @param listing `nft -j list chains`. */
export function forwardChains(
  listing: unknown,
  isOwn: (table: string) => boolean,
): readonly ForwardChain[] {
  return itemsOf(listing).flatMap(({ chain }) => {
    if (chain?.hook !== "forward" || chain.type !== "filter") return [];
    const { family, table, name, policy } = chain;
    if (!FAMILIES.has(family) || isOwn(table)) return [];
    if (!PLAIN_NAME.test(table) || !PLAIN_NAME.test(name)) return [];
    return [
      {
        family: family as Family, // one of FAMILIES
        table,
        name,
        policy: policy === "drop" ? "drop" : "accept",
      },
    ];
  });
}

class TableListing {
  readonly #rules = new Map<string, Rule[]>();
  readonly chains: ReadonlySet<string>;

  constructor(listing: unknown) {
    const items = itemsOf(listing);
    this.chains = new Set(items.flatMap(({ chain }) => chain?.name ?? []));
    for (const { rule } of items) {
      if (!rule) continue;
      const rules = this.#rules.get(rule.chain);
      if (rules) rules.push(rule);
      else this.#rules.set(rule.chain, [rule]);
    }
  }

  rules(chain: string): readonly Rule[] {
    return this.#rules.get(chain) ?? [];
  }

  all(): readonly Rule[] {
    return [...this.#rules.values()].flat();
  }

  /** The first rule that no packet gets past. */
  end(chain: string, depth = 0): { readonly rule: Rule; readonly verdict: string } | undefined {
    for (const rule of this.rules(chain)) {
      const verdict = this.#verdict(rule, depth);
      if (verdict !== undefined) return { rule, verdict };
    }
    return undefined;
  }

  /** What a rule does with every packet; undefined when it lets some go on to the next. */
  #verdict({ expr = [] }: Rule, depth: number): string | undefined {
    const telling = expr.filter((each) => !("counter" in each) && !("log" in each));
    const [only, ...more] = telling;
    if (!only || more.length > 0) return undefined;
    for (const word of ["accept", "drop", "reject", "return"]) if (word in only) return word;
    const target = targetOf(only["jump"] ?? only["goto"]);
    if (target === undefined || depth > 16) return undefined;
    const inside = this.end(target, depth + 1)?.verdict;
    if (inside === "return" || inside === undefined) return "goto" in only ? "return" : undefined;
    return inside;
  }
}

function targetOf(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null || !("target" in value)) return undefined;
  return typeof value.target === "string" ? value.target : undefined;
}

/** @param listing `nft -j list table` of the chain's. @returns Undefined when what is left is accepted. */
export function findObstacle(chain: ForwardChain, listing: unknown): Obstacle | undefined {
  return obstacleIn(chain, new TableListing(listing));
}

function obstacleIn(chain: ForwardChain, table: TableListing): Obstacle | undefined {
  const end = table.end(chain.name);
  const verdict = end && end.verdict !== "return" ? end.verdict : chain.policy;
  if (verdict === "accept") return undefined;
  const why = end && end.verdict !== "return" ? `its rule ${end.verdict}` : "policy drop";
  const users = jumps(table, chain.name, DOCKER_USER);
  if (!users) return { chain, why, place: chain.name };
  const own = table.end(DOCKER_USER)?.verdict;
  return own === "drop" || own === "reject" ? { chain, why } : { chain, why, place: DOCKER_USER };
}

function jumps(table: TableListing, from: string, to: string): boolean {
  return (
    table.chains.has(to) &&
    table
      .rules(from)
      .some(({ expr = [] }) => expr.some((each) => targetOf(each["jump"] ?? each["goto"]) === to))
  );
}

/** An accept rule of ours in somebody's chain. */
export interface OwnAccept {
  readonly chain: string;
  readonly accept: Accept;
  readonly handle: number;
}

/** A table of somebody else's with forward chains, as far as it concerns us. */
export interface ForeignTable {
  readonly family: Family;
  readonly name: string;
  readonly obstacles: readonly Obstacle[];
  readonly own: readonly OwnAccept[];
  /** Handles of the rules that no packet gets past, by chain. */
  readonly ends: ReadonlyMap<string, number>;
  /** A rule of ours stands where packets do not get to. */
  readonly isOutOfPlace: boolean;
}

/**
 * @param chains Of one table.
 * @param listing `nft -j list table` of it.
 * @param mark Comment of the rules that are ours.
 */
export function readForeignTable(
  [first, ...others]: readonly [ForwardChain, ...ForwardChain[]],
  listing: unknown,
  mark: string,
): ForeignTable {
  const table = new TableListing(listing);
  const obstacles = [first, ...others].flatMap((chain) => obstacleIn(chain, table) ?? []);
  const places = obstacles.flatMap(({ place }) => place ?? []);
  const ends = places.flatMap((place) => {
    const end = table.end(place)?.rule.handle;
    return end === undefined ? [] : [[place, end] as const];
  });
  return {
    family: first.family,
    name: first.table,
    obstacles,
    own: table
      .all()
      .filter(({ comment }) => comment === mark)
      .map((rule) => ({ chain: rule.chain, handle: rule.handle, accept: acceptOf(rule) })),
    ends: new Map(ends),
    isOutOfPlace: places.some((place) => !isBeforeEnd(table, place, mark)),
  };
}

export interface AcceptChange {
  readonly remove: readonly OwnAccept[];
  readonly add: readonly Omit<OwnAccept, "handle">[];
}

/**
 * What brings the accept rules in a table to what they should be.
 *
 * @param networks None to take all of them away.
 */
export function planAccepts(
  { family, obstacles, own, isOutOfPlace }: ForeignTable,
  networks: readonly NetworkRules[],
): AcceptChange {
  const accepts = acceptsFor(networks, family);
  const missing = new Map<string, Omit<OwnAccept, "handle">>();
  for (const { place } of obstacles) {
    if (place === undefined) continue;
    for (const accept of accepts) {
      const wanted = { chain: place, accept };
      missing.set(placeText(wanted), wanted);
    }
  }
  if (isOutOfPlace) return { remove: own, add: [...missing.values()] };
  // what is there twice goes once
  const remove = own.filter((each) => !missing.delete(placeText(each)));
  return { remove, add: [...missing.values()] };
}

function placeText({ chain, accept: { key, device } }: Omit<OwnAccept, "handle">): string {
  return `${chain} ${key} ${device}`;
}

export function acceptOps(
  { ends }: Pick<ForeignTable, "ends">,
  { remove, add }: AcceptChange,
  mark: string,
): readonly NftOp[] {
  return [
    ...remove.map(({ chain, handle }): NftOp => ({ kind: "delete-rule", chain, handle })),
    ...add.map(({ chain, accept: { key, device: name } }): NftOp => {
      const before = ends.get(chain);
      return {
        kind: "add-rule",
        chain,
        statements: [
          { kind: "device", way: key === "iifname" ? "in" : "out", name },
          { kind: "counter" },
          { kind: "accept" },
        ],
        comment: mark,
        ...(before === undefined ? {} : { before }),
      };
    }),
  ];
}

/** @param handles Of what was added. @returns The table with the change in it. */
export function withAccepts(
  table: ForeignTable,
  { remove, add }: AcceptChange,
  handles: readonly number[],
): ForeignTable {
  const gone = new Set(remove);
  const added = add.flatMap((each, index) => {
    const handle = handles[index];
    return handle === undefined ? [] : [{ ...each, handle }];
  });
  return {
    ...table,
    own: [...table.own.filter((each) => !gone.has(each)), ...added],
    isOutOfPlace: false,
  };
}

/** Both ways of each network that has addresses of the family. */
function acceptsFor(networks: readonly NetworkRules[], family: Family): readonly Accept[] {
  return networks
    .filter(({ subnets }) =>
      subnets.some((subnet) => family === "inet" || subnet.includes(":") === (family === "ip6")),
    )
    .flatMap(({ bridgeName: device }) => [
      { key: "iifname" as const, device },
      { key: "oifname" as const, device },
    ]);
}

/** Whether a family's chain can meet packets of one of the networks. */
export function concerns(networks: readonly NetworkRules[], family: Family): boolean {
  return acceptsFor(networks, family).length > 0;
}

/** One that is not as ours are has no device, and is never wanted. */
function acceptOf({ expr = [] }: Rule): Accept {
  for (const each of expr) {
    const match = each["match"] as
      | { readonly left?: { readonly meta?: { readonly key?: string } }; readonly right?: unknown }
      | undefined;
    const key = match?.left?.meta?.key;
    if (key === "iifname" || key === "oifname") return { key, device: String(match?.right) };
  }
  return { key: "iifname", device: "" };
}

function isBeforeEnd(listing: TableListing, chain: string, mark: string): boolean {
  const rules = listing.rules(chain);
  const end = listing.end(chain);
  const last = rules.findLastIndex(({ comment }) => comment === mark);
  return !end || last < rules.indexOf(end.rule);
}
