import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { NetworksConfig } from "#networks/config.ts";
import { Lab, type LabEngine } from "#networks/testing/lab.ts";
import { testInOwnNetwork } from "#networks/testing/own-network.ts";

const TCP = { protocol: "tcp", containerPort: 80, hostPort: 0 } as const;

testInOwnNetwork(import.meta.path, () => {
  let lab: Lab;
  beforeEach(async () => {
    lab = await Lab.open();
  });
  afterEach(() => lab[Symbol.asyncDispose]());

  async function started(
    config: Partial<NetworksConfig>,
    restart?: LabEngine,
    live: readonly string[] = [],
  ): Promise<LabEngine> {
    const engine = await lab.engine(config, restart);
    await engine.networks.reconcile(new Set(live));
    return engine;
  }

  const addressesOf = (name: string): readonly string[] => {
    const index = lab.host.netlink.link(name)?.index;
    return lab.host.netlink
      .addresses()
      .filter(({ linkIndex, scope }) => linkIndex === index && scope === "global")
      .map(({ cidr }) => cidr);
  };

  describe("the default network with --ipv6", () => {
    test("gives containers IPv6, in and out, under the addresses that were asked for", async () => {
      const outside = lab.outside();
      const engine = await started({
        ipv6: { address: "fd00:bb::5/64", fixedCidr: "fd00:bb::8000/113" },
      });
      expect(addressesOf(engine.bridge)).toContain("fd00:bb::5/64");
      const web = await lab.container(engine, "web", [TCP]);
      expect(web.endpoints[0]).toMatchObject({ ipv6Gateway: "fd00:bb::5", ipv6PrefixLength: 64 });
      expect(web.endpoints[0]?.ipv6Address).toMatch(/^fd00:bb::8/);
      lab.serveTcp(web.namespacePath, 80, "::");
      lab.serveTcp(outside.namespacePath, 8000, "::");
      const port = web.ports[0]?.hostPort ?? 0;
      expect(await lab.askTcp(outside.namespacePath, outside.hostAddress6, port)).toBe(
        outside.address6,
      );
      expect(await lab.askTcp(web.namespacePath, outside.address6, 8000)).toBe(
        outside.hostAddress6,
      );
      expect(engine.networks.hostGatewayAddresses()).toContain("fd00:bb::5");
    });

    test("keeps its subnet over a restart, and loses it with the flag", async () => {
      const first = await started({ ipv6: {} });
      const pools = first.networks.resolve("bridge").pools;
      expect(pools).toHaveLength(2);
      await first.crash();
      const second = await started({ ipv6: {} }, first);
      expect(second.networks.resolve("bridge").pools).toEqual(pools);
      await second.crash();
      const third = await started({}, second);
      expect(third.networks.resolve("bridge")).toMatchObject({ enableIpv6: false });
      expect(addressesOf(third.bridge).filter((cidr) => cidr.includes(":"))).toEqual([]);
    });

    test("goes on for a container whose daemon is another", async () => {
      const engine = await started({ ipv6: {} });
      const web = await lab.container(engine, "web");
      lab.serveTcp(web.namespacePath, 80, "::");
      await engine.crash();
      await started({ ipv6: {} }, engine, ["web"]);
      const { ipv6Address = "", ipv6Gateway } = web.endpoints[0] ?? {};
      expect(await lab.askTcp(undefined, ipv6Address, 80)).toBe(ipv6Gateway ?? "");
    });
  });

  test("--default-gateway is the containers' way out, and nobody gets its address", async () => {
    const engine = await started({
      ipv4: { address: "10.201.0.1/29", gateway: "10.201.0.2" },
      ipv6: { address: "fd00:cc::1/125", gateway: "fd00:cc::2" },
    });
    const web = await lab.container(engine, "web");
    expect(web.endpoints[0]).toMatchObject({
      gateway: "10.201.0.2",
      ipAddress: "10.201.0.3",
      ipv6Gateway: "fd00:cc::2",
      ipv6Address: "fd00:cc::3",
    });
    const routes = lab.host.netlink.routes(web.namespacePath);
    const ways = routes.filter(({ destination }) => destination === "default");
    expect(ways.map(({ gateway = "" }) => gateway).toSorted()).toEqual([
      "10.201.0.2",
      "fd00:cc::2",
    ]);
    expect(addressesOf(engine.bridge)).toEqual(["10.201.0.1/29", "fd00:cc::1/125"]);
  });

  test("--default-network-opt gives a new network options that it has not", async () => {
    const mtu = "com.docker.network.driver.mtu";
    const engine = await started({ networkOptions: { bridge: { [mtu]: "1400" } } });
    const made = await lab.network(engine, "small", {});
    expect(made.options).toEqual({ [mtu]: "1400" });
    const own = await lab.network(engine, "own", { options: { [mtu]: "1300" } });
    expect(own.options).toEqual({ [mtu]: "1300" });
    expect(engine.networks.resolve("bridge").options[mtu]).toBe("1500");
  });
});
