import { describe, expect, test } from "bun:test";
import { parseCidr } from "#base/ip.ts";
import { parseNetworkId } from "#spec/ids.ts";
import { NETWORK_SUBNET_POOLS } from "./ipam/choose-subnet.ts";
import type { NetworkRecord, NetworkRequest, PoolRequest } from "./networks.ts";
import { type NetworkPlanContext, planNetwork } from "./plan-network.ts";

const PLAIN: NetworkRequest = {
  name: "web",
  driver: "bridge",
  internal: false,
  attachable: false,
  enableIpv4: true,
  enableIpv6: false,
  labels: {},
  options: {},
  pools: [],
  ipamDriver: "default",
  ipamOptions: {},
  configOnly: false,
  configFrom: "",
};
const CONTEXT: NetworkPlanContext = {
  engineId: "engine",
  identity: { id: parseNetworkId("ab".repeat(32)), createdMs: 1 },
  networks: [],
  taken: [],
  pools: NETWORK_SUBNET_POOLS,
  defaultOptions: {},
};

function pool(subnet: string, more: Partial<PoolRequest> = {}): PoolRequest {
  return { subnet, gateway: "", ipRange: "", auxiliary: {}, ...more };
}

function plan(
  request: Partial<NetworkRequest>,
  context: Partial<NetworkPlanContext> = {},
): NetworkRecord {
  return planNetwork({ ...PLAIN, ...request }, { ...CONTEXT, ...context });
}

describe("planNetwork()", () => {
  test("takes small subnets, past other networks and what the host routes", () => {
    const first = plan({ name: "first" });
    expect(first.pools).toEqual([{ subnet: "172.18.0.0/24", gateway: "172.18.0.1" }]);
    const taken = [{ block: parseCidr("172.18.1.0/24"), description: "route" }];
    const second = plan({}, { networks: [first], taken });
    expect(second.pools[0]?.subnet).toBe("172.18.2.0/24");
  });

  test("2,000 networks fit, none over another", () => {
    const networks: NetworkRecord[] = [];
    for (let index = 0; index < 200; index += 1) {
      networks.push(plan({ name: `n${index}` }, { networks }));
    }
    expect(new Set(networks.map(({ pools }) => pools[0]?.subnet)).size).toBe(200);
    const room = NETWORK_SUBNET_POOLS.map(({ base, size }) => 2 ** (size - base.prefixLength));
    expect(room.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(2000);
  });

  test("gives IPv6 of the engine's own /48, and passes over auxiliary addresses for the gateway", () => {
    const network = plan({
      enableIpv6: true,
      pools: [pool("10.9.0.0/24", { auxiliary: { printer: "10.9.0.1" } })],
    });
    expect(network.pools[0]).toMatchObject({ gateway: "10.9.0.2", isUserChosen: true });
    expect(network.pools[1]?.subnet).toMatch(/^fd[0-9a-f]{2}:[0-9a-f:]+\/64$/);
    const alone = plan({ enableIpv4: false, enableIpv6: true });
    expect(alone.pools.map(({ gateway }) => gateway.includes(":"))).toEqual([true]);
  });

  test("names who has a subnet that is asked for", () => {
    const own = plan({ name: "own", pools: [pool("10.9.0.0/24")] });
    expect(() => plan({ pools: [pool("10.9.0.128/25")] }, { networks: [own] })).toThrow(
      'network "own" has 10.9.0.0/24',
    );
    const taken = [{ block: parseCidr("10.0.0.0/8"), description: "route 10.0.0.0/8 on tun0" }];
    expect(() => plan({ pools: [pool("10.9.0.0/24")] }, { taken })).toThrow(
      "route 10.0.0.0/8 on tun0",
    );
  });

  test.each<[Partial<NetworkRequest>, string]>([
    [{ name: " " }, "name is empty"],
    [{ name: "default" }, "operation is not permitted on predefined default network "],
    [{ enableIpv4: false }, "IPv4 or IPv6 must be enabled"],
    [{ pools: [pool("10.9.0.1/24")] }, "invalid subnet 10.9.0.1/24: it should be 10.9.0.0/24"],
    [{ pools: [pool("10.9.0.0/24", { gateway: "10.8.0.1" })] }, "invalid gateway 10.8.0.1"],
    [{ pools: [pool("10.9.0.0/24", { ipRange: "10.8.0.0/25" })] }, "invalid ip-range"],
    [{ pools: [pool("", { gateway: "10.8.0.1" })] }, "needs a subnet"],
    [{ pools: [pool("10.1.0.0/24"), pool("10.2.0.0/24")] }, "multiple subnets"],
    [{ pools: [pool("nonsense")] }, "invalid subnet nonsense"],
    [{ configFrom: "none-such" }, "network none-such not found"],
  ])("refuses %j", (request, text) => {
    expect(() => plan(request)).toThrow(text);
  });

  test("makes a network from a configuration, which itself takes no subnet", () => {
    const config = plan({
      name: "shape",
      configOnly: true,
      internal: true,
      pools: [pool("10.9.0.0/24")],
    });
    expect(config).toMatchObject({ driver: "null", configOnly: true });
    const made = plan({ configFrom: "shape" }, { networks: [config] });
    expect(made).toMatchObject({ internal: true, configFrom: "shape", driver: "bridge" });
    expect(made.pools[0]).toMatchObject({ subnet: "10.9.0.0/24", gateway: "10.9.0.1" });
    expect(() => plan({ configFrom: "shape", internal: true }, { networks: [config] })).toThrow(
      "user specified configurations are not supported",
    );
  });

  test("gives a network the default options of its driver that it has not", () => {
    const defaultOptions = { bridge: { mtu: "1400", colour: "blue" }, macvlan: { mode: "x" } };
    const options = { mtu: "1300" };
    expect(plan({ options }, { defaultOptions }).options).toEqual({ mtu: "1300", colour: "blue" });
    const set = plan({ name: "set", configOnly: true, options }, {});
    const from = plan({ configFrom: "set" }, { defaultOptions, networks: [set] });
    expect(from.options).toEqual({ mtu: "1300" });
  });
});
