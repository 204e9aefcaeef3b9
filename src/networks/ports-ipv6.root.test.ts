import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { invariant } from "#base/errors.ts";
import type { Sandbox } from "./networks.ts";
import { Lab, type LabEngine, type Outside, SILENCE_MS } from "./testing/lab.ts";
import { testInOwnNetwork } from "./testing/own-network.ts";

const TCP = { protocol: "tcp", containerPort: 80, hostPort: 0 } as const;
const UDP = { protocol: "udp", containerPort: 53, hostPort: 0 } as const;

/** What a container knows of an address. */
async function neighbour({ namespacePath }: Sandbox, address: string): Promise<string> {
  const argv = ["nsenter", `--net=${namespacePath}`, "ip", "neigh", "show", address];
  return await new Response(Bun.spawn(argv).stdout).text();
}

testInOwnNetwork(import.meta.path, () => {
  let lab: Lab;
  let engine: LabEngine;
  let outside: Outside;
  beforeAll(async () => {
    lab = await Lab.open();
    engine = await lab.engine();
    await engine.networks.reconcile(new Set());
    outside = lab.outside();
  });
  afterAll(() => lab[Symbol.asyncDispose]());

  function portOf({ ports }: Sandbox, protocol: "tcp" | "udp" = "tcp"): number {
    const port = ports.find((one) => one.protocol === protocol);
    invariant(port, "it publishes a port");
    return port.hostPort;
  }

  function endpointOf({ endpoints }: Sandbox) {
    const [endpoint] = endpoints;
    invariant(endpoint, "it has an endpoint");
    return endpoint;
  }

  describe("ports of a container with both families", () => {
    let web: Sandbox;
    let gateway6 = "";
    beforeAll(async () => {
      web = await lab.containerOn(engine, "both", { enableIpv6: true }, [TCP, UDP]);
      gateway6 = endpointOf(web).ipv6Gateway ?? "";
      lab.serveTcp(web.namespacePath, 80, "::");
      await lab.serveUdp(web.namespacePath, 53, "::");
    });

    test("keep the source address of clients outside, in both families", async () => {
      const { namespacePath, hostAddress, hostAddress6, address, address6 } = outside;
      expect(await lab.askTcp(namespacePath, hostAddress6, portOf(web))).toBe(address6);
      expect(await lab.askTcp(namespacePath, hostAddress, portOf(web))).toBe(`::ffff:${address}`);
      expect(await lab.askUdp(namespacePath, hostAddress6, portOf(web, "udp"))).toBe(address6);
    });

    test("are reached from the host by [::1] and its own address", async () => {
      expect(await lab.askTcp(undefined, "::1", portOf(web))).toBe(gateway6);
      expect(await lab.askUdp(undefined, "::1", portOf(web, "udp"))).toBe(gateway6);
      expect(await lab.askTcp(undefined, outside.hostAddress6, portOf(web))).toBe(
        outside.hostAddress6,
      );
    });

    test("are reached from the container itself and from another network", async () => {
      const other = await lab.containerOn(engine, "other", { enableIpv6: true });
      const { hostAddress6 } = outside;
      expect(await lab.askTcp(web.namespacePath, hostAddress6, portOf(web))).toBe(gateway6);
      expect(await lab.askTcp(other.namespacePath, hostAddress6, portOf(web))).toBe(gateway6);
      const direct = endpointOf(web).ipv6Address ?? "";
      expect(await lab.askTcp(other.namespacePath, direct, 80, SILENCE_MS)).toBeUndefined();
      expect(await lab.askTcp(outside.namespacePath, direct, 80, SILENCE_MS)).toBeUndefined();
    });
  });

  describe("ports of a container that has IPv6 only", () => {
    test("are published on addresses of both families", async () => {
      const web = await lab.containerOn(engine, "six", { enableIpv4: false, enableIpv6: true }, [
        TCP,
      ]);
      expect(web.ports.map(({ hostAddress }) => hostAddress)).toEqual(["0.0.0.0", "::"]);
      lab.serveTcp(web.namespacePath, 80, "::");
      const gateway6 = endpointOf(web).ipv6Gateway ?? "";
      const { namespacePath, hostAddress6, hostAddress, address6 } = outside;
      expect(await lab.askTcp(namespacePath, hostAddress6, portOf(web))).toBe(address6);
      expect(await lab.askTcp(undefined, "::1", portOf(web))).toBe(gateway6);
      // of another family than the container: relayed
      expect(await lab.askTcp(undefined, "127.0.0.1", portOf(web))).toBe(gateway6);
      expect(await lab.askTcp(namespacePath, hostAddress, portOf(web))).toBe(gateway6);
    });
  });

  describe("a port that is taken away from a running container", () => {
    test("cuts off who is connected through it, in both families, and nobody else", async () => {
      const web = await lab.containerOn(engine, "changing", { enableIpv6: true }, [
        TCP,
        { ...TCP, containerPort: 81 },
      ]);
      lab.echoTcp(web.namespacePath, 80, "::");
      lab.echoTcp(web.namespacePath, 81, "::");
      const [going, staying] = [80, 81].map((containerPort) =>
        web.ports.filter((port) => port.containerPort === containerPort),
      );
      invariant(going?.[0] && staying?.[0], "two ports are published");
      const clients = [
        await lab.talkTcp(outside.namespacePath, outside.hostAddress6, going[0].hostPort),
        await lab.talkTcp(outside.namespacePath, outside.hostAddress, going[0].hostPort),
      ];
      const other = await lab.talkTcp(
        outside.namespacePath,
        outside.hostAddress6,
        staying[0].hostPort,
      );
      for (const client of [...clients, other]) expect(await client.ask()).toBe("?");
      await using change = await engine.networks.changePorts("changing", {
        add: [],
        remove: going,
      });
      change.record("after");
      await change.apply();
      for (const client of clients) expect(await client.ask()).toBeUndefined();
      expect(await other.ask()).toBe("?");
    });
  });

  describe("an address that another container gets", () => {
    test("is announced, so that neighbours forget the MAC address that they knew", async () => {
      const { id } = await lab.network(engine, "announced", { enableIpv6: true });
      const mode = { kind: "bridge" } as const;
      const attachment = { networkId: id, dnsNames: [] };
      const start = (name: string, macAddress: string) =>
        lab.container(engine, name, [], mode, [{ ...attachment, macAddress }]);
      const other = await start("other-mac", "02:00:00:00:00:03");
      const first = await start("first-mac", "02:00:00:00:00:01");
      const { ipAddress, ipv6Address = "" } = endpointOf(first);
      lab.serveTcp(first.namespacePath, 80, "::");
      for (const address of [ipAddress, ipv6Address]) {
        expect(await lab.askTcp(other.namespacePath, address, 80)).toBeDefined();
        expect(await neighbour(other, address)).toContain("02:00:00:00:00:01");
      }
      await engine.networks.closeSandbox("first-mac");
      const second = await start("second-mac", "02:00:00:00:00:02");
      expect(endpointOf(second).ipAddress).toBe(ipAddress);
      expect(endpointOf(second).ipv6Address).toBe(ipv6Address);
      for (const address of [ipAddress, ipv6Address]) {
        await lab.until(async () =>
          (await neighbour(other, address)).includes("02:00:00:00:00:02"),
        );
      }
    });
  });
});
