import { describe, expect, test } from "bun:test";
import { parseNetworkId } from "#spec/ids.ts";
import { DEFAULT_NETWORKS_CONFIG, type NetworksConfig } from "#networks/config.ts";
import type { NetworkRecord } from "#networks/networks.ts";
import type { HostNetworkState } from "#networks/ipam/taken-blocks.ts";
import { decideDefaultNetwork } from "./default-network.ts";

const IDENTITY = { id: parseNetworkId("ab".repeat(32)), createdMs: 1 };
const BARE: HostNetworkState = { links: [], addresses: [], routes: [] };

function link(index: number, name: string, alias?: string): HostNetworkState["links"][number] {
  const base = { index, name, kind: "bridge", macAddress: "", mtuBytes: 1500, isUp: true };
  return alias === undefined ? base : { ...base, alias };
}

function decide(
  host: HostNetworkState,
  config: Partial<NetworksConfig> = {},
  previous?: NetworkRecord,
  mayMove = true,
  others: readonly NetworkRecord[] = [],
): ReturnType<typeof decideDefaultNetwork> {
  return decideDefaultNetwork({
    config: { ...DEFAULT_NETWORKS_CONFIG, ...config },
    previous,
    identity: IDENTITY,
    host,
    others,
    engineId: "me",
    mayMove,
  });
}

const ROUTED: HostNetworkState = {
  links: [link(2, "eth0"), link(5, "docker0")],
  addresses: [{ linkIndex: 5, cidr: "172.17.0.1/16", scope: "global" }],
  routes: [
    { destination: "default", gateway: "192.0.2.1", linkIndex: 2, table: 254, family: 4 },
    { destination: "0.0.0.0/1", linkIndex: 2, table: 254, family: 4 },
    { destination: "172.18.3.0/24", linkIndex: 2, table: 254, family: 4 },
  ],
};

describe("decideDefaultNetwork()", () => {
  test("takes docker's first subnet on a bare host", () => {
    const { network, warnings } = decide(BARE);
    expect(network.pools).toEqual([{ subnet: "172.17.0.0/16", gateway: "172.17.0.1" }]);
    expect(network.options["com.docker.network.bridge.name"]).toBe("wharf0");
    expect(warnings).toEqual([]);
  });

  test("passes over what the host has or routes; a default route in halves counts for nothing", () => {
    expect(decide(ROUTED).network.pools[0]?.subnet).toBe("172.19.0.0/16");
  });

  test("keeps the subnet that it had, whose bridge is its own clash", () => {
    const previous = decide(BARE).network;
    const host: HostNetworkState = {
      links: [link(9, "wharf0", "wharf:me")],
      addresses: [{ linkIndex: 9, cidr: "172.17.0.1/16", scope: "global" }],
      routes: [{ destination: "172.17.0.0/16", linkIndex: 9, table: 254, family: 4 }],
    };
    expect(decide(host, {}, previous)).toEqual({ network: previous, warnings: [] });
  });

  test("leaves a subnet that the host routes by now, unless containers are on it", () => {
    const previous = decide(BARE).network;
    const moved = decide(ROUTED, {}, previous);
    expect(moved.network.pools[0]?.subnet).toBe("172.19.0.0/16");
    expect(moved.warnings[0]).toContain("address 172.17.0.1/16 on docker0");
    const kept = decide(ROUTED, {}, previous, false);
    expect(kept.network.pools[0]?.subnet).toBe("172.17.0.0/16");
    expect(kept.warnings).toHaveLength(1);
  });

  test("honours --bip and --fixed-cidr, and warns of an overlap", () => {
    const { network, warnings } = decide(ROUTED, {
      ipv4: { address: "172.18.0.5/16", fixedCidr: "172.18.9.0/24" },
    });
    expect(network.pools).toEqual([
      {
        subnet: "172.18.0.0/16",
        gateway: "172.18.0.5",
        ipRange: "172.18.9.0/24",
        isUserChosen: true,
      },
    ]);
    expect(warnings).toEqual(["--bip 172.18.0.5/16 overlaps route 172.18.3.0/24 on eth0"]);
    expect(decide(BARE, { ipv4: { fixedCidr: "10.9.0.0/24" } }).network.pools[0]?.gateway).toBe(
      "10.9.0.1",
    );
  });

  test("refuses contradictions", () => {
    expect(() => decide(BARE, { ipv4: { address: "10.0.0.0/24" } })).toThrow(
      "Cannot use --bip 10.0.0.0/24",
    );
    expect(() =>
      decide(BARE, { ipv4: { address: "10.0.0.1/24", fixedCidr: "10.0.1.0/24" } }),
    ).toThrow("--fixed-cidr");
  });

  test("takes the address of somebody else's bridge", () => {
    const host: HostNetworkState = {
      links: [link(3, "br9")],
      addresses: [{ linkIndex: 3, cidr: "10.7.0.1/24", scope: "global" }],
      routes: [],
    };
    const { network } = decide(host, { bridge: "br9" });
    expect(network.pools).toEqual([{ subnet: "10.7.0.0/24", gateway: "10.7.0.1" }]);
    expect(() => decide(host, { bridge: "br9", ipv4: { address: "10.8.0.1/24" } })).toThrow(
      'bridge "br9" has the address 10.7.0.1/24',
    );
  });

  test("has IPv6 with --ipv6: a /64 of the engine's own that no other network has", () => {
    const { network } = decide(BARE, { ipv6: {} });
    expect(network.enableIpv6).toBe(true);
    const [, ipv6] = network.pools;
    expect(ipv6?.subnet).toMatch(/^fd[0-9a-f:]+::\/64$/);
    expect(ipv6?.gateway).toBe(`${ipv6?.subnet.replace("/64", "")}1`);
    const other = { ...network, name: "other", pools: network.pools.slice(1) };
    const beside = decide(BARE, { ipv6: {} }, undefined, true, [other]).network;
    expect(beside.pools[1]?.subnet).not.toBe(ipv6?.subnet);
    expect(decide(BARE, { ipv6: {} }, network).network).toEqual(network);
    expect(decide(BARE, {}, network).network.pools).toHaveLength(1);
  });

  test("honours --bip6, --fixed-cidr-v6 and the gateways", () => {
    const ipv4 = { address: "172.17.0.1/16", gateway: "172.17.0.99" };
    const range = decide(BARE, { ipv4, ipv6: { fixedCidr: "fd00:aa::1/80" } }).network;
    expect(range.pools).toEqual([
      {
        subnet: "172.17.0.0/16",
        gateway: "172.17.0.1",
        auxiliary: { DefaultGatewayIPv4: "172.17.0.99" },
        isUserChosen: true,
      },
      {
        subnet: "fd00:aa::/80",
        gateway: "fd00:aa::1",
        ipRange: "fd00:aa::/80",
        isUserChosen: true,
      },
    ]);
    const whole = {
      address: "fd00:bb::5/64",
      fixedCidr: "fd00:bb::8000/113",
      gateway: "fd00:bb::9",
    };
    expect(decide(BARE, { ipv6: whole }).network.pools[1]).toEqual({
      subnet: "fd00:bb::/64",
      gateway: "fd00:bb::5",
      ipRange: "fd00:bb::8000/113",
      auxiliary: { DefaultGatewayIPv6: "fd00:bb::9" },
      isUserChosen: true,
    });
  });

  test.each([
    [{ ipv4: { gateway: "10.0.0.1" } }, "not inside the bridge's subnet 172.17.0.0/16"],
    [{ ipv4: { gateway: "172.17.0.1" } }, "it is the bridge's own address"],
    [{ ipv4: { gateway: "fd00::1" } }, "want an IPv4 address"],
    [{ ipv4: { gateway: "x" } }, "Cannot use --default-gateway x"],
    [{ ipv4: { address: "fd00::1/64" } }, "--bip fd00::1/64: want an IPv4 address"],
    [{ ipv6: { address: "10.0.0.1/8" } }, "--bip6 10.0.0.1/8: want an IPv6 address"],
    [{ ipv6: { address: "fd00::/64" } }, "want an address of a host"],
    [{ ipv6: { address: "nothing" } }, "--bip6 nothing: want an IPv6 address"],
    [{ ipv6: { address: "fe80::1/64" } }, "link-local addresses are not routed"],
    [{ ipv6: { fixedCidr: "10.0.0.0/8" } }, "'10.0.0.0/8' is not a valid IPv6 subnet"],
    [{ ipv6: { address: "fd00::1/64", fixedCidr: "fd01::/64" } }, "--fixed-cidr-v6 fd01::/64"],
    [{ ipv6: { gateway: "fe80::1" } }, "--default-gateway-v6 fe80::1"],
  ] satisfies [Partial<NetworksConfig>, string][])("refuses %j", (config, words) => {
    expect(() => decide(BARE, config)).toThrow(words);
  });
});
