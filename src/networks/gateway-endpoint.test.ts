import { expect, test } from "bun:test";
import { parseEndpointId, parseNetworkId } from "#spec/ids.ts";
import type { EndpointRecord } from "./driver.ts";
import { gatewayEndpoint, nextInterface, routesBy } from "./gateway-endpoint.ts";

function endpoint(networkName: string, more: Partial<EndpointRecord> = {}): EndpointRecord {
  return {
    id: parseEndpointId(Bun.SHA256.hash(networkName, "hex")),
    containerId: "c",
    networkId: parseNetworkId("a".repeat(64)),
    networkName,
    ipAddress: "10.0.0.2",
    prefixLength: 24,
    gateway: "10.0.0.1",
    macAddress: "",
    aliases: [],
    ...more,
  };
}

test("gatewayEndpoint() goes by priority, then by name, past internal networks", () => {
  const [a, b] = [endpoint("a"), endpoint("b")];
  const inner = endpoint("Inner", { gateway: "", gatewayPriority: 9 });
  expect(gatewayEndpoint([b, a, inner], 4)).toBe(a);
  const preferred = endpoint("b", { gatewayPriority: 1 });
  expect(gatewayEndpoint([a, preferred], 4)).toBe(preferred);
  expect(gatewayEndpoint([inner], 4)).toBeUndefined();
  const six = endpoint("six", { ipv6Gateway: "fd00::1" });
  expect(routesBy(six, [a, six])).toEqual([6]);
});

test("nextInterface() takes the lowest that is free", () => {
  const has = ["eth0", "eth2"].map((interfaceName) => endpoint(interfaceName, { interfaceName }));
  expect(nextInterface(has, "eth")).toBe("eth1");
  expect(nextInterface(has, "lan")).toBe("lan0");
});
