/**
 * What other people's rules do to the traffic of our networks.
 *
 * A packet that is forwarded meets every base chain of hook `forward`, ours and theirs; one that drops it decides.
 * So an accept of ours helps nobody against a chain of theirs, and an accept rule put into theirs opens nothing
 * that our own chain closes. Their rules come first: ours go straight before what drops everything that is left, a
 * rule or the chain's policy, or into DOCKER-USER, which dockerd has for that.
 */
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
interface Accept {
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
      if (rule) this.#rules.set(rule.chain, [...(this.#rules.get(rule.chain) ?? []), rule]);
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
  const table = new TableListing(listing);
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

/**
 * The statements that bring the accept rules in a table to what they should be.
 *
 * @param mark Comment of the rules that are ours.
 * @param wanted Chains of the table that accept rules belong into.
 */
export function planAccepts(options: {
  readonly family: Family;
  readonly table: string;
  readonly listing: unknown;
  readonly mark: string;
  readonly wanted: readonly string[];
  readonly networks: readonly NetworkRules[];
}): readonly string[] {
  const { family, table, mark } = options;
  const listing = new TableListing(options.listing);
  const accepts = acceptsFor(options.networks, family);
  const own = listing.all().filter(({ comment }) => comment === mark);
  const there = own.map((rule) => `${rule.chain} ${shownAccept(rule)}`).toSorted();
  const wanted = options.wanted
    .flatMap((chain) => accepts.map((accept) => `${chain} ${accept.key} ${accept.device}`))
    .toSorted();
  const isInPlace = options.wanted.every((chain) => isBeforeEnd(listing, chain, mark));
  if (isInPlace && there.join("\n") === wanted.join("\n")) return [];
  const at = `${family} ${table}`;
  return [
    ...own.map(({ chain, handle }) => `delete rule ${at} ${chain} handle ${handle}`),
    ...options.wanted.flatMap((chain) => {
      const end = listing.end(chain)?.rule.handle;
      const verb = end === undefined ? "add" : "insert";
      const where = end === undefined ? chain : `${chain} position ${end}`;
      return accepts.map(
        ({ key, device }) =>
          `${verb} rule ${at} ${where} ${key} "${device}" counter accept comment "${mark}"`,
      );
    }),
  ];
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

function shownAccept({ expr = [] }: Rule): string {
  for (const each of expr) {
    const match = each["match"] as
      | { readonly left?: { readonly meta?: { readonly key?: string } }; readonly right?: unknown }
      | undefined;
    const key = match?.left?.meta?.key;
    if (key !== undefined) return `${key} ${String(match?.right)}`;
  }
  return "";
}

function isBeforeEnd(listing: TableListing, chain: string, mark: string): boolean {
  const rules = listing.rules(chain);
  const end = listing.end(chain);
  const last = rules.findLastIndex(({ comment }) => comment === mark);
  return !end || last < rules.indexOf(end.rule);
}
