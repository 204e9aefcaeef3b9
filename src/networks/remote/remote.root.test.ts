import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { NetworkRecord, NetworkRequest } from "#networks/networks.ts";
import { driverContract } from "#networks/testing/driver-contract.ts";
import { hex, Lab, type LabEngine } from "#networks/testing/lab.ts";
import { TestNetworkPlugin } from "#networks/testing/network-plugin.ts";
import { RemoteDriver } from "./remote-driver.ts";

driverContract("plug", async () => {
  const lab = await Lab.open();
  const plugin = lab.use(new TestNetworkPlugin(lab.pluginFolder, "plug"));
  await plugin.start();
  const alias = `wharf:${hex(16)}`;
  const { plugins } = lab;
  const driver = new RemoteDriver({ ...lab.host, plugins, devices: { alias }, warn: () => {} });
  return { lab, alias, driver };
});

const REQUEST: NetworkRequest = {
  name: "web",
  driver: "plug",
  internal: false,
  attachable: false,
  enableIpv4: true,
  enableIpv6: false,
  labels: {},
  options: {},
  pools: [],
  ipamDriver: "",
  ipamOptions: {},
  configOnly: false,
  configFrom: "",
};
const SIGNAL = new AbortController().signal;

describe("networks of a plugin", () => {
  let lab: Lab;
  let engine: LabEngine;
  let plugin: TestNetworkPlugin;
  beforeEach(async () => {
    lab = await Lab.open();
    plugin = lab.use(new TestNetworkPlugin(lab.pluginFolder, "plug"));
    await plugin.start();
    engine = await lab.engine();
    await engine.networks.reconcile(new Set());
  });
  afterEach(() => lab[Symbol.asyncDispose]());

  const make = (more: Partial<NetworkRequest> = {}): Promise<NetworkRecord> =>
    engine.networks.create({ ...REQUEST, ...more });

  async function open(id: string, network: NetworkRecord): Promise<string> {
    const attachments = [
      { networkId: network.id, dnsNames: [id], driverOptions: { color: "red" } },
    ];
    const request = { containerId: id, mode: { kind: "bridge" }, ports: [], attachments } as const;
    const { namespacePath = "" } = await engine.networks.openSandbox(request, SIGNAL);
    await engine.networks.connectSandbox(id, SIGNAL);
    return namespacePath;
  }

  const close = (id: string): Promise<void> => engine.networks.closeSandbox(id);
  const endpointOf = (id: string) => engine.networks.sandboxOf(id)?.endpoints[0];
  const pluginDevices = (): readonly string[] =>
    lab.host.netlink
      .links()
      .filter(({ name }) => ownDevices.has(name))
      .map(({ name }) => name);
  let ownDevices = new Set<string>();
  const watch = ({ id }: { readonly id: string }): void => {
    ownDevices = new Set([`pb${id.slice(0, 10)}`]);
  };

  test("is told of the ports that the container asks for, and of the way out when that moves", async () => {
    const network = await make({ name: "b" });
    const attachments = [{ networkId: network.id, dnsNames: [], driverOptions: { color: "red" } }];
    const ports = [
      {
        protocol: "tcp",
        containerPort: 80,
        hostAddress: "127.0.0.1",
        hostPort: { first: 8080, last: 8081 },
      },
      { protocol: "udp", containerPort: 53, hostPort: 0 },
    ] as const;
    const mode = { kind: "bridge" } as const;
    await engine.networks.openSandbox({ containerId: "c1", mode, ports, attachments }, SIGNAL);
    await engine.networks.connectSandbox("c1", SIGNAL);
    const Options = {
      color: "red",
      "com.docker.network.endpoint.exposedports": [
        { Proto: 6, Port: 80 },
        { Proto: 17, Port: 53 },
      ],
      "com.docker.network.portmap": [
        { Proto: 6, IP: "", Port: 80, HostIP: "127.0.0.1", HostPort: 8080, HostPortEnd: 8081 },
        { Proto: 17, IP: "", Port: 53, HostIP: "", HostPort: 0, HostPortEnd: 0 },
      ],
    };
    const verbs = ["CreateEndpoint", "Join", "ProgramExternalConnectivity"];
    for (const verb of verbs) {
      expect(plugin.calls(`NetworkDriver.${verb}`)[0]?.body, verb).toMatchObject({ Options });
    }
    expect(engine.networks.sandboxOf("c1")?.ports).toEqual([]);
    expect(engine.warnings.join("\n")).toContain("publishes no ports: network b of driver plug");

    plugin.forgetCalls();
    const first = await make({ name: "a", driver: "bridge" });
    const connected = await engine.networks.connect("c1", { networkId: first.id, dnsNames: [] });
    await connected.apply();
    await connected[Symbol.asyncDispose]();
    const called = (): readonly string[] => plugin.calls().map(({ method }) => method);
    expect(called()).toEqual(["NetworkDriver.RevokeExternalConnectivity"]);
    const left = engine.networks.disconnect("c1", first.id);
    await left?.apply();
    await left?.[Symbol.asyncDispose]();
    expect(called().at(-1)).toBe("NetworkDriver.ProgramExternalConnectivity");
    await close("c1");
    expect(called().slice(2)).toEqual([
      "NetworkDriver.RevokeExternalConnectivity",
      "NetworkDriver.Leave",
      "NetworkDriver.DeleteEndpoint",
    ]);
    await engine.networks.remove(network.id);
  });

  test("that is older than the way out's calls does without; one that refuses keeps the container from starting", async () => {
    const network = await make();
    plugin.behave(
      "NetworkDriver.ProgramExternalConnectivity lack",
      "NetworkDriver.RevokeExternalConnectivity lack",
    );
    await open("c1", network);
    await close("c1");
    expect(engine.warnings).toEqual([]);
    plugin.behave("NetworkDriver.ProgramExternalConnectivity refuse no such port");
    await expect(open("c2", network)).rejects.toThrow(
      /driver failed programming external connectivity on endpoint \w+ of network web: .*no such port/,
    );
    plugin.behave();
    await close("c2");
    expect(plugin.calls("NetworkDriver.DeleteEndpoint")).toHaveLength(2);
    const inside = await make({ name: "inside", internal: true });
    plugin.forgetCalls();
    await open("c3", inside);
    expect(plugin.calls("NetworkDriver.ProgramExternalConnectivity")).toEqual([]);
    await close("c3");
    await engine.networks.remove(inside.id);
    await engine.networks.remove(network.id);
  });

  test("containers come, talk and go; the plugin is asked what Docker asks, in its order", async () => {
    const network = await make({ options: { a: "b" } });
    watch(network);
    const [one, two] = [await open("c1", network), await open("c2", network)];
    lab.serveTcp(one, 80);
    expect(await lab.askTcp(two, endpointOf("c1")?.ipAddress ?? "", 80)).toBe(
      endpointOf("c2")?.ipAddress ?? "",
    );
    const link = lab.host.netlink.link("eth0", one);
    expect(link?.macAddress).toBe(endpointOf("c1")?.macAddress);
    const routes = lab.host.netlink.routes(one);
    expect(routes).toContainEqual(expect.objectContaining({ destination: "203.0.113.0/24" }));
    expect(routes).toContainEqual(
      expect.objectContaining({ destination: "default", gateway: network.pools[0]?.gateway }),
    );
    await close("c1");
    await close("c2");
    await engine.networks.remove(network.id);
    expect(pluginDevices()).toEqual([]);
    const calls = plugin.calls().map(({ method }) => method.replace("NetworkDriver.", ""));
    const endpoint = ["CreateEndpoint", "Join", "ProgramExternalConnectivity"];
    const end = ["RevokeExternalConnectivity", "Leave", "DeleteEndpoint"];
    expect(calls).toEqual([
      ...["Plugin.Activate", "GetCapabilities", "CreateNetwork", ...endpoint, ...endpoint],
      ...[...end, ...end, "DeleteNetwork"],
    ]);
    const [created] = plugin.calls("NetworkDriver.CreateNetwork");
    expect(created?.body).toMatchObject({
      NetworkID: network.id,
      Options: {
        "com.docker.network.enable_ipv6": false,
        "com.docker.network.generic": { a: "b" },
      },
      IPv4Data: [{ Pool: network.pools[0]?.subnet, Gateway: `${network.pools[0]?.gateway}/24` }],
      IPv6Data: [],
    });
    expect(plugin.calls("NetworkDriver.CreateEndpoint")[0]?.body).toMatchObject({
      Options: { color: "red" },
    });
  });

  test("its subnets and addresses come back", async () => {
    const network = await make({ driver: "", ipamDriver: "plug", ipamOptions: { x: "y" } });
    expect(network).toMatchObject({ driver: "bridge", ipamDriver: "plug" });
    const [pool] = network.pools;
    expect(pool?.gateway).toBe(pool?.subnet.replace("0/24", "1") ?? "");
    await open("c1", network);
    await open("c2", network);
    expect(endpointOf("c2")?.ipAddress).toBe(pool?.subnet.replace("0/24", "3") ?? "");
    await close("c1");
    await open("c3", network);
    expect(endpointOf("c3")?.ipAddress).toBe(pool?.subnet.replace("0/24", "2") ?? "");
    await close("c2");
    await close("c3");
    await engine.networks.remove(network.id);
    expect(plugin.given()).toEqual({});
  });

  test("a restarted engine says to it what there is, and what was half made it gives back", async () => {
    const network = await make({ driver: "", ipamDriver: "plug" });
    await open("c1", network);
    plugin.behave("IpamDriver.RequestAddress die");
    expect(make({ name: "half", driver: "", ipamDriver: "plug" })).rejects.toThrow("IpamDriver");
    await plugin.start();
    plugin.behave();
    await engine.crash();
    plugin.forgetCalls();
    engine = await lab.engine({}, engine);
    await engine.networks.reconcile(new Set(["c1"]));
    const asked = plugin.calls("IpamDriver.RequestAddress").map(({ body }) => body["Address"]);
    expect(asked).toEqual([network.pools[0]?.gateway, endpointOf("c1")?.ipAddress]);
    expect(engine.networks.list().map(({ name }) => name)).not.toContain("half");
    await close("c1");
    await engine.networks.remove(network.id);
  });

  test.each([
    ["GetCapabilities", 'say {"Scope":"galaxy"}', 'unusable scope "galaxy"'],
    ["GetCapabilities", "close", "closed the connection"],
    ["CreateNetwork", "refuse no room", "NetworkDriver.CreateNetwork: no room"],
    ["CreateNetwork", "die", "closed the connection"],
  ] as const)("create with %s: %s fails whole", async (verb, mode, message) => {
    plugin.behave(`NetworkDriver.${verb} ${mode}`);
    expect(make()).rejects.toThrow(message);
    expect(engine.networks.list().map(({ name }) => name)).not.toContain("web");
    plugin.behave();
    await plugin.kill();
    await plugin.start();
    const network = await make();
    await engine.networks.remove(network.id);
  });

  test.each([
    ["CreateEndpoint", "refuse full", "NetworkDriver.CreateEndpoint: full"],
    ["CreateEndpoint", 'say {"Interface":{"Address":"1.2.3.4/5"}}', "which was set to"],
    ["CreateEndpoint", 'say {"Interface":{"MacAddress":"xyz"}}', 'unusable MacAddress "xyz"'],
    ["CreateEndpoint", "say <html>", "cannot be understood"],
    ["Join", "close", "closed the connection"],
    ["Join", 'say {"InterfaceName":{"SrcName":"lo"}}', 'unusable SrcName "lo"'],
    ["Join", 'say {"InterfaceName":{"SrcName":"none99"}}', "which is not there"],
    ["Join", 'say {"InterfaceName":{"SrcName":"a"},"Gateway":"x"}', 'unusable Gateway "x"'],
    ["Join", 'say {"InterfaceName":{"DstPrefix":"../../x"}}', "unusable DstPrefix"],
    ["Join", 'say {"StaticRoutes":[{"Destination":"a"}]}', "unusable static route"],
  ] as const)("a start with %s: %s fails whole", async (verb, mode, message) => {
    const network = await make();
    plugin.behave(`NetworkDriver.${verb} ${mode}`);
    expect(open("c1", network)).rejects.toThrow(message);
    await close("c1");
    expect(plugin.calls("NetworkDriver.DeleteEndpoint")).toHaveLength(1);
    plugin.behave();
    await open("c2", network);
    expect(endpointOf("c2")?.ipAddress).toBe(network.pools[0]?.subnet.replace("0/24", "2") ?? "");
    await close("c2");
    await engine.networks.remove(network.id);
  });

  test("the engine's own devices are not given to a container", async () => {
    const network = await make();
    const say = JSON.stringify({ InterfaceName: { SrcName: engine.bridge, DstPrefix: "eth" } });
    plugin.behave(`NetworkDriver.Join say ${say}`);
    expect(open("c1", network)).rejects.toThrow("which is the engine's own");
    plugin.behave();
    await close("c1");
    await engine.networks.remove(network.id);
  });

  test.each([
    ['{"Address":"9.9.9.9/24"}', 'unusable address "9.9.9.9/24": want one of'],
    ['{"Address":"GATEWAY/24"}', "which is somebody's already"],
    ['{"Address":""}', 'unusable address ""'],
  ])("an address %s is not taken", async (answer, message) => {
    const network = await make({ driver: "", ipamDriver: "plug" });
    const gateway = network.pools[0]?.gateway ?? "";
    plugin.behave(`IpamDriver.RequestAddress say ${answer.replace("GATEWAY", gateway)}`);
    expect(open("c1", network)).rejects.toThrow(message);
    expect(engine.networks.sandboxOf("c1")).toBeUndefined();
    plugin.behave();
    await engine.networks.remove(network.id);
  });

  test("a plugin that has died keeps no container from ending, and no network from going", async () => {
    const network = await make();
    const path = await open("c1", network);
    await plugin.kill();
    await close("c1");
    expect(engine.networks.sandboxOf("c1")).toBeUndefined();
    expect(() => lab.host.netlink.links(path)).toThrow();
    await engine.networks.remove(network.id);
    expect(engine.warnings.join("\n")).toContain("Cannot delete network web: ");
    lab.host.netlink.apply([{ kind: "delete-link", name: `pb${network.id.slice(0, 10)}` }]);
  });

  test("an unknown driver of networks or addresses is not found", async () => {
    expect(make({ driver: "nope" })).rejects.toThrow('plugin "nope" not found');
    expect(make({ driver: "", ipamDriver: "nope" })).rejects.toThrow('plugin "nope" not found');
    expect(make({ driver: "", ipamDriver: "null" })).rejects.toThrow("ipv4 pool is empty");
    expect(engine.networks.list()).toHaveLength(3);
  });
});
