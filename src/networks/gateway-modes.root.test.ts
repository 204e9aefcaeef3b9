import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Sandbox } from "./networks.ts";
import { Lab, type LabEngine, type Outside, SILENCE_MS } from "./testing/lab.ts";
import { testInOwnNetwork } from "./testing/own-network.ts";

const TCP = { protocol: "tcp", containerPort: 80, hostPort: 0 } as const;
const OPTION = "com.docker.network.bridge";
const MODE4 = `${OPTION}.gateway_mode_ipv4`;
const MODE6 = `${OPTION}.gateway_mode_ipv6`;

testInOwnNetwork(import.meta.path, () => {
  let lab: Lab;
  let engine: LabEngine;
  let outside: Outside;
  let neighbour: Sandbox;
  beforeAll(async () => {
    lab = await Lab.open();
    outside = lab.outside();
    engine = await lab.engine();
    await engine.networks.reconcile(new Set());
    neighbour = await lab.containerOn(engine, "neighbour", { enableIpv6: true });
    lab.serveTcp(outside.namespacePath, 8000, "::");
    lab.serveTcp(neighbour.namespacePath, 80, "::");
  });
  afterAll(() => lab[Symbol.asyncDispose]());

  async function web(
    name: string,
    options: Readonly<Record<string, string>>,
    on: LabEngine = engine,
  ): Promise<{ readonly sandbox: Sandbox; readonly ipv4: string; readonly ipv6: string }> {
    const sandbox = await lab.containerOn(on, name, { enableIpv6: true, options }, [TCP]);
    lab.serveTcp(sandbox.namespacePath, 80, "::");
    lab.serveTcp(sandbox.namespacePath, 81, "::");
    const { ipAddress: ipv4 = "", ipv6Address: ipv6 = "" } = sandbox.endpoints[0] ?? {};
    return { sandbox, ipv4, ipv6 };
  }
  const from = (path: string | undefined, address: string, port: number, waitMs?: number) =>
    lab.askTcp(path, address, port, waitMs);
  const fromOutside = (address: string, port: number, waitMs?: number) =>
    from(outside.namespacePath, address, port, waitMs);

  describe("gateway mode nat", () => {
    test("keeps outside machines from containers' own addresses", async () => {
      const { ipv4, ipv6 } = await web("nat", {});
      expect(await fromOutside(ipv4, 80, SILENCE_MS)).toBeUndefined();
      expect(await fromOutside(ipv6, 80, SILENCE_MS)).toBeUndefined();
    });

    test("lets them come by trusted devices to published ports, and to no others", async () => {
      const device = lab.host.netlink.links().find(({ name }) => name.startsWith("wo"))?.name ?? "";
      const { ipv4, ipv6 } = await web("trusting", {
        [`${OPTION}.trusted_host_interfaces`]: `nothere0:${device}`,
      });
      expect(await fromOutside(ipv4, 80)).toBe(`::ffff:${outside.address}`);
      expect(await fromOutside(ipv6, 80)).toBe(outside.address6);
      expect(await fromOutside(ipv4, 81, SILENCE_MS)).toBeUndefined();
      expect(await from(neighbour.namespacePath, ipv4, 80, SILENCE_MS)).toBeUndefined();
    });

    test("with --allow-direct-routing lets all come to published ports, but other networks", async () => {
      const direct = await lab.engine({ isRoutedDirectly: true });
      await direct.networks.reconcile(new Set());
      const { ipv4, ipv6, sandbox } = await web("direct", {}, direct);
      const other = await lab.containerOn(direct, "other", {});
      expect(await fromOutside(ipv4, 80)).toBe(`::ffff:${outside.address}`);
      expect(await fromOutside(ipv6, 80)).toBe(outside.address6);
      expect(await fromOutside(ipv4, 81, SILENCE_MS)).toBeUndefined();
      expect(await from(other.namespacePath, ipv4, 80, SILENCE_MS)).toBeUndefined();
      const port = sandbox.ports[0]?.hostPort ?? 0;
      expect(await fromOutside(outside.hostAddress, port)).toBe(`::ffff:${outside.address}`);
      await direct.networks.closeSandbox("direct");
      expect(await direct.networks.audit()).toEqual([]);
    });
  });

  test("gateway mode nat-unprotected has every port open to outside, and published ones too", async () => {
    const { ipv4, sandbox } = await web("open", { [MODE4]: "nat-unprotected" });
    expect(await fromOutside(ipv4, 81)).toBe(`::ffff:${outside.address}`);
    expect(await from(neighbour.namespacePath, ipv4, 81, SILENCE_MS)).toBeUndefined();
    const port = sandbox.ports[0]?.hostPort ?? 0;
    expect(await fromOutside(outside.hostAddress, port)).toBe(`::ffff:${outside.address}`);
    expect(await from(sandbox.namespacePath, outside.address, 8000)).toBe(
      `::ffff:${outside.hostAddress}`,
    );
  });

  describe("gateway mode routed", () => {
    test("opens published ports at the container's address, and takes none of the host's", async () => {
      const { ipv4, ipv6, sandbox } = await web("routed", { [MODE4]: "routed", [MODE6]: "routed" });
      expect(sandbox.ports).toEqual([
        { protocol: "tcp", containerPort: 80, hostAddress: "0.0.0.0", hostPort: 0 },
        { protocol: "tcp", containerPort: 80, hostAddress: "::", hostPort: 0 },
      ]);
      for (const address of [ipv4, ipv6]) {
        expect(await fromOutside(address, 80)).toBeDefined();
        expect(await from(neighbour.namespacePath, address, 80)).toBeDefined();
        expect(await fromOutside(address, 81, SILENCE_MS)).toBeUndefined();
      }
      // under its own address: the other machine has a way back by this host
      expect(await from(sandbox.namespacePath, outside.address, 8000)).toBe(`::ffff:${ipv4}`);
      expect(await from(sandbox.namespacePath, outside.address6, 8000)).toBe(ipv6);
      const { ipAddress = "" } = neighbour.endpoints[0] ?? {};
      expect(await from(sandbox.namespacePath, ipAddress, 80, SILENCE_MS)).toBeUndefined();
    });

    test("of IPv6 alone leaves IPv4 its port of the host; both change while it runs", async () => {
      const { ipv6, sandbox } = await web("mixed", { [MODE6]: "routed" });
      const [host, own] = sandbox.ports;
      expect(host?.hostAddress).toBe("0.0.0.0");
      expect(own).toMatchObject({ hostAddress: "::", hostPort: 0 });
      expect(await fromOutside(outside.hostAddress, host?.hostPort ?? 0)).toBeDefined();
      expect(await fromOutside(ipv6, 80)).toBe(outside.address6);
      expect(await fromOutside(outside.hostAddress6, host?.hostPort ?? 0)).toBeUndefined();
      const change = async (
        add: readonly (typeof TCP | { protocol: "tcp"; containerPort: 81; hostPort: 0 })[],
        remove: typeof sandbox.ports,
      ): Promise<void> => {
        await using ports = await engine.networks.changePorts("mixed", { add, remove });
        ports.record("after");
        await ports.apply();
      };
      await change([{ ...TCP, containerPort: 81 }], sandbox.ports);
      expect(await fromOutside(ipv6, 81)).toBe(outside.address6);
      expect(await fromOutside(ipv6, 80, SILENCE_MS)).toBeUndefined();
      expect(engine.networks.sandboxOf("mixed")?.ports).toHaveLength(2);
    });

    test("is as it was for the next daemon, and closes with the container", async () => {
      const first = await lab.engine();
      await first.networks.reconcile(new Set());
      const { ipv4, sandbox } = await web("kept", { [MODE4]: "routed", [MODE6]: "routed" }, first);
      await first.crash();
      const second = await lab.engine({}, first);
      await second.networks.reconcile(new Set(["kept"]));
      expect(second.networks.sandboxOf("kept")?.ports).toEqual(sandbox.ports);
      expect(second.warnings).toEqual([]);
      expect(await fromOutside(ipv4, 80)).toBeDefined();
      await second.networks.closeSandbox("kept");
      expect(await second.networks.audit()).toEqual([]);
    });
  });

  test("gateway mode isolated: containers have each other, and not even the host", async () => {
    const options = { [MODE4]: "isolated", [MODE6]: "isolated" };
    const isolated = { internal: true, enableIpv6: true, options };
    const network = await lab.network(engine, "isolated", isolated);
    expect(network.pools.map(({ gateway }) => gateway)).toEqual(["", ""]);
    const bridge = lab.host.netlink.link(`br-${network.id.slice(0, 12)}`);
    const own = lab.host.netlink.addresses().filter(({ linkIndex }) => linkIndex === bridge?.index);
    expect(own).toEqual([]);
    const start = (name: string) =>
      lab.container(engine, name, [TCP], { kind: "bridge" }, [
        { networkId: network.id, dnsNames: [name] },
      ]);
    const [a, b] = [await start("a"), await start("b")];
    expect(a.ports).toEqual([]);
    lab.serveTcp(b.namespacePath, 80, "::");
    const { ipAddress = "", ipv6Address = "" } = b.endpoints[0] ?? {};
    expect(await from(a.namespacePath, ipAddress, 80)).toBeDefined();
    expect(await from(a.namespacePath, ipv6Address, 80)).toBeDefined();
    expect(await from(undefined, ipAddress, 80, SILENCE_MS)).toBeUndefined();
    const refused = lab.network(engine, "x", { options: { [MODE4]: "isolated" } });
    expect(refused).rejects.toThrow("can only be used for an internal network");
  });

  test("other options of a bridge: a source address, no address of its own, names of devices", async () => {
    const source = outside.hostAddress.replace(/1$/, "77");
    const device = lab.host.netlink.links().find(({ name }) => name.startsWith("wo"))?.name ?? "";
    lab.host.netlink.apply([{ kind: "add-address", name: device, cidr: `${source}/24` }]);
    const { sandbox } = await web("source", { "com.docker.network.host_ipv4": source });
    expect(await from(sandbox.namespacePath, outside.address, 8000)).toBe(`::ffff:${source}`);
    const bare = await lab.network(engine, "bare", {
      options: {
        [`${OPTION}.inhibit_ipv4`]: "true",
        [`${OPTION}.name`]: "wtbare0",
        "com.docker.network.container_iface_prefix": "lan",
      },
    });
    const link = lab.host.netlink.link("wtbare0");
    const own = lab.host.netlink.addresses().filter(({ linkIndex }) => linkIndex === link?.index);
    expect(own).toEqual([]);
    const inside = await lab.container(engine, "named", [], { kind: "bridge" }, [
      { networkId: bare.id, dnsNames: [] },
      { networkId: engine.networks.resolve("neighbour").id, dnsNames: [] },
    ]);
    expect(inside.endpoints[0]?.gateway).toBe(bare.pools[0]?.gateway ?? "");
    const names = lab.host.netlink.links(inside.namespacePath).map(({ name }) => name);
    expect(names.toSorted()).toEqual(["eth0", "lan0", "lo"]);
    await engine.networks.closeSandbox("named");
    await engine.networks.remove(bare.id);
  });

  test.each([
    [{ [MODE4]: "foo" }, "unknown gateway mode foo"],
    [{ [`${OPTION}.inhibit_ipv4`]: "foo" }, "want true or false"],
    [{ "com.docker.network.host_ipv4": "fd00::1" }, "want an IPv4 address"],
    [{ "com.docker.network.host_ipv6": "1.2.3.4" }, "want an IPv6 address"],
    [{ [`${OPTION}.trusted_host_interfaces`]: 'a"; drop' }, "invalid device"],
    [{ "com.docker.network.container_iface_prefix": "toolongtoolong" }, "1 to 12 letters"],
  ])("options that cannot be are refused: %j", async (options, words) => {
    await expect(lab.network(engine, "bad", { options })).rejects.toThrow(words);
  });
});
