import { describe, expect, test } from "bun:test";
import type { NetworkRules } from "#networks/driver.ts";
import { findObstacle, type ForwardChain, forwardChains, planAccepts } from "./foreign-chains.ts";

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
  masquerade: true,
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
  const options = {
    family: "ip",
    table: "filter",
    mark: "wharf_1",
    wanted: ["FORWARD"],
    networks: [NETWORK],
  } as const;
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
    expect(planAccepts({ ...options, listing: { nftables: [] } })).toEqual([
      'add rule ip filter FORWARD iifname "wharf0" counter accept comment "wharf_1"',
      'add rule ip filter FORWARD oifname "wharf0" counter accept comment "wharf_1"',
    ]);
    expect(planAccepts({ ...options, family: "ip6", listing: { nftables: [] } })).toEqual([]);
  });

  test("leaves what is as it should be, and mends what stands behind the rule that ends the chain", () => {
    const rules = [own(4, "iifname"), own(5, "oifname")];
    const end = rule(6, "FORWARD", { drop: null });
    expect(planAccepts({ ...options, listing: { nftables: [...rules, end] } })).toEqual([]);
    expect(planAccepts({ ...options, listing: { nftables: [end, ...rules] } })).toEqual([
      "delete rule ip filter FORWARD handle 4",
      "delete rule ip filter FORWARD handle 5",
      'insert rule ip filter FORWARD position 6 iifname "wharf0" counter accept comment "wharf_1"',
      'insert rule ip filter FORWARD position 6 oifname "wharf0" counter accept comment "wharf_1"',
    ]);
  });

  test("takes its own rules away where none is wanted any more, and no others", () => {
    const listing = { nftables: [own(4, "iifname"), rule(5, "FORWARD", { accept: null })] };
    expect(planAccepts({ ...options, wanted: [], listing })).toEqual([
      "delete rule ip filter FORWARD handle 4",
    ]);
  });
});
