import { describe, expect, test } from "bun:test";
import type { NetworkRules } from "#networks/driver.ts";
import {
  acceptOps,
  findObstacle,
  type ForwardChain,
  forwardChains,
  planAccepts,
  readForeignTable,
  withAccepts,
} from "./foreign-chains.ts";
import { ruleText } from "./nft-text.ts";

const DROPPING: ForwardChain = { family: "ip", table: "filter", name: "FORWARD", policy: "drop" };
const ACCEPTING: ForwardChain = { ...DROPPING, policy: "accept" };

function rule(handle: number, chain: string, ...expr: object[]): object {
  return { rule: { family: "ip", table: "filter", chain, handle, expr } };
}

function chain(name: string): object {
  return { chain: { family: "ip", table: "filter", name } };
}

const COUNTER = { counter: { packets: 0, bytes: 0 } };
const NETWORK: NetworkRules = {
  key: "a",
  bridgeName: "wharf0",
  subnets: ["172.17.0.0/16"],
  ipv4: { mode: "nat", masquerade: true },
  ipv6: { mode: "nat", masquerade: true },
  trustedDevices: [],
  interContainer: true,
  internal: false,
};

describe("forwardChains()", () => {
  test("names filter chains of hook forward, other than an engine's own", () => {
    const base = { type: "filter", hook: "forward", policy: "drop" };
    const listing = {
      nftables: [
        { metainfo: {} },
        { chain: { family: "ip", table: "filter", name: "FORWARD", ...base } },
        { chain: { family: "ip", table: "filter", name: "INPUT", ...base, hook: "input" } },
        { chain: { family: "inet", table: "wharf_1", name: "forward", ...base } },
        { chain: { family: "bridge", table: "b", name: "forward", ...base } },
      ],
    };
    expect(forwardChains(listing, (table) => table.startsWith("wharf_"))).toEqual([DROPPING]);
  });
});

describe("findObstacle()", () => {
  test.each([
    ["an empty chain that drops", DROPPING, [], "policy drop", "FORWARD"],
    ["an empty chain that accepts", ACCEPTING, [], undefined, undefined],
    [
      "a rule for everything",
      ACCEPTING,
      [rule(1, "FORWARD", COUNTER, { reject: null })],
      "its rule reject",
      "FORWARD",
    ],
    [
      "a rule for some",
      ACCEPTING,
      [rule(1, "FORWARD", { match: {} }, { drop: null })],
      undefined,
      undefined,
    ],
    [
      "a jump to a chain that drops",
      ACCEPTING,
      [
        chain("last"),
        rule(1, "FORWARD", { jump: { target: "last" } }),
        rule(2, "last", { drop: null }),
      ],
      "its rule drop",
      "FORWARD",
    ],
    [
      "accept before the policy",
      DROPPING,
      [rule(1, "FORWARD", { accept: null })],
      undefined,
      undefined,
    ],
    [
      "return to the policy",
      DROPPING,
      [rule(1, "FORWARD", { return: null })],
      "policy drop",
      "FORWARD",
    ],
    [
      "dockerd's chains",
      DROPPING,
      [chain("DOCKER-USER"), rule(1, "FORWARD", COUNTER, { jump: { target: "DOCKER-USER" } })],
      "policy drop",
      "DOCKER-USER",
    ],
    [
      "an administrator's no in DOCKER-USER",
      DROPPING,
      [
        chain("DOCKER-USER"),
        rule(1, "FORWARD", { jump: { target: "DOCKER-USER" } }),
        rule(2, "DOCKER-USER", { drop: null }),
      ],
      "its rule drop",
      undefined,
    ],
  ])("of %s", (_, where, nftables, why, place) => {
    const found = findObstacle(where, { nftables });
    expect([found?.why, found?.place]).toEqual([why, place]);
  });
});

describe("planAccepts()", () => {
  const FORWARD: ForwardChain = { family: "ip", table: "filter", name: "FORWARD", policy: "drop" };
  const plan = (nftables: readonly unknown[], networks = [NETWORK], chain = FORWARD) => {
    const table = readForeignTable([chain], { nftables }, "wharf_1");
    const change = planAccepts(table, networks);
    return acceptOps(table, change, "wharf_1").map((op) =>
      op.kind === "add-rule"
        ? `add ${op.chain} ${op.before ?? "at the end"} ${ruleText(op.statements)}`
        : `delete ${"handle" in op ? op.handle : op.kind}`,
    );
  };
  const own = (handle: number, key: string) => ({
    rule: {
      table: "filter",
      chain: "FORWARD",
      handle,
      comment: "wharf_1",
      expr: [{ match: { left: { meta: { key } }, right: "wharf0" } }, { accept: null }],
    },
  });

  test("adds two rules for each network with addresses of the family", () => {
    expect(plan([])).toEqual([
      'add FORWARD at the end iifname "wharf0" counter accept',
      'add FORWARD at the end oifname "wharf0" counter accept',
    ]);
    expect(plan([], [NETWORK], { ...FORWARD, family: "ip6" })).toEqual([]);
  });

  test("leaves what is as it should be, and mends what stands behind the rule that ends the chain", () => {
    const rules = [own(4, "iifname"), own(5, "oifname")];
    const end = rule(6, "FORWARD", { drop: null });
    expect(plan([...rules, end])).toEqual([]);
    expect(plan([end, ...rules])).toEqual([
      "delete 4",
      "delete 5",
      'add FORWARD 6 iifname "wharf0" counter accept',
      'add FORWARD 6 oifname "wharf0" counter accept',
    ]);
  });

  test("changes what one network more or less takes, and nothing else", () => {
    const rules = [own(4, "iifname"), own(5, "oifname")];
    const other = { ...NETWORK, key: "b", bridgeName: "br-b" };
    expect(plan(rules, [NETWORK, other])).toEqual([
      'add FORWARD at the end iifname "br-b" counter accept',
      'add FORWARD at the end oifname "br-b" counter accept',
    ]);
    expect(plan([...rules, own(7, "iifname")], [NETWORK])).toEqual(["delete 7"]);
  });

  test("takes its own rules away where none is wanted any more, and no others", () => {
    expect(plan([own(4, "iifname"), rule(5, "FORWARD", { accept: null })])).toEqual(["delete 4"]);
    expect(plan([own(4, "iifname")], [])).toEqual(["delete 4"]);
  });
});

describe("withAccepts()", () => {
  test("knows what was added and what is gone", () => {
    const forward: ForwardChain = { family: "ip", table: "fw", name: "f", policy: "drop" };
    const empty = readForeignTable([forward], { nftables: [] }, "wharf_1");
    const change = planAccepts(empty, [NETWORK]);
    const full = withAccepts(empty, change, [8, 9]);
    expect(planAccepts(full, [NETWORK])).toEqual({ remove: [], add: [] });
    const back = planAccepts(full, []);
    expect(back.remove.map(({ handle }) => handle)).toEqual([8, 9]);
    expect(withAccepts(full, back, []).own).toEqual([]);
  });
});
