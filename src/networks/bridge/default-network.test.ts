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
): ReturnType<typeof decideDefaultNetwork> {
  return decideDefaultNetwork({
    config: { ...DEFAULT_NETWORKS_CONFIG, ...config },
    previous,
    identity: IDENTITY,
    host,
    ownAlias: "wharf:me",
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
      bip: "172.18.0.5/16",
      fixedCidr: "172.18.9.0/24",
    });
    expect(network.pools).toEqual([
      { subnet: "172.18.0.0/16", gateway: "172.18.0.5", ipRange: "172.18.9.0/24" },
    ]);
    expect(warnings).toEqual(["--bip 172.18.0.5/16 overlaps route 172.18.3.0/24 on eth0"]);
    expect(decide(BARE, { fixedCidr: "10.9.0.0/24" }).network.pools[0]?.gateway).toBe("10.9.0.1");
  });

  test("refuses contradictions", () => {
    expect(() => decide(BARE, { bip: "10.0.0.0/24" })).toThrow("Cannot use --bip 10.0.0.0/24");
    expect(() => decide(BARE, { bip: "10.0.0.1/24", fixedCidr: "10.0.1.0/24" })).toThrow(
      "--fixed-cidr",
    );
  });

  test("takes the address of somebody else's bridge", () => {
    const host: HostNetworkState = {
      links: [link(3, "br9")],
      addresses: [{ linkIndex: 3, cidr: "10.7.0.1/24", scope: "global" }],
      routes: [],
    };
    const { network } = decide(host, { bridge: "br9" });
    expect(network.pools).toEqual([{ subnet: "10.7.0.0/24", gateway: "10.7.0.1" }]);
    expect(() => decide(host, { bridge: "br9", bip: "10.8.0.1/24" })).toThrow(
      'bridge "br9" has the address 10.7.0.1/24',
    );
  });
});
