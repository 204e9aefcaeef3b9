import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { openLinuxHost } from "#host/linux/host.ts";
import { MemoryStore } from "#store/memory/store.ts";
import { BridgeDriver } from "./bridge/bridge-driver.ts";
import type { NetworkRequest } from "./networks.ts";
import { OwnDevices } from "./own-devices.ts";
import { DEVICE_INTENTS } from "./records.ts";
import { IPVLAN } from "./stacked/ipvlan.ts";
import { MACVLAN } from "./stacked/macvlan.ts";
import { StackedDriver } from "./stacked/stacked-driver.ts";
import { type DriverSubject, driverContract } from "./testing/driver-contract.ts";
import { hex, Lab, type LabEngine } from "./testing/lab.ts";

const HAS_IPVLAN = await (async () => {
  await using host = await openLinuxHost();
  return host.netlink.hasKind("ipvlan");
})();

type HostParts = ConstructorParameters<typeof BridgeDriver>[0];

async function subject(make: (host: HostParts) => DriverSubject["driver"]): Promise<DriverSubject> {
  const lab = await Lab.open();
  const intents = new MemoryStore().collection(DEVICE_INTENTS);
  const devices = new OwnDevices({ ...lab.host, engineId: hex(16), intents });
  return { lab, alias: devices.alias, driver: make({ ...lab.host, devices }) };
}

driverContract("bridge", () => subject((host) => new BridgeDriver(host)));
driverContract("macvlan", () => subject((host) => new StackedDriver(MACVLAN, host)));
// the contract of ipvlan runs where the kernel has it; elsewhere its refusal is tested below
if (HAS_IPVLAN) driverContract("ipvlan", () => subject((host) => new StackedDriver(IPVLAN, host)));

const REQUEST: NetworkRequest = {
  name: "lan",
  driver: "macvlan",
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

describe("networks on a device of the host", () => {
  let lab: Lab;
  let engine: LabEngine;
  beforeEach(async () => {
    lab = await Lab.open();
    engine = await lab.engine();
    await engine.networks.reconcile(new Set());
  });
  afterEach(() => lab[Symbol.asyncDispose]());

  const make = (more: Partial<NetworkRequest>) => engine.networks.create({ ...REQUEST, ...more });
  const refusalOf = async (more: Partial<NetworkRequest>): Promise<string> =>
    make(more).then(
      () => "",
      (error: Error) => error.message,
    );

  /** A machine at the other end of a cable, whose subnet the containers are to share. */
  function cable(): { readonly parent: string; readonly path: string; readonly subnet: string } {
    const parent = `wc${hex(4)}`;
    const path = lab.namespace();
    const [octet = 0] = randomBytes(1);
    const subnet = `198.51.${octet}`;
    lab.host.netlink.apply([
      { kind: "add-veth", name: parent, peer: { name: "eth0", namespacePath: path } },
      { kind: "set-up", name: parent },
    ]);
    lab.host.netlink.apply(
      [
        { kind: "add-address", name: "eth0", cidr: `${subnet}.1/24` },
        { kind: "set-up", name: "eth0" },
      ],
      path,
    );
    return { parent, path, subnet };
  }

  async function container(id: string, networkId: LabNetworkId): Promise<string> {
    const attachments = [{ networkId, dnsNames: [id] }];
    const request = { containerId: id, mode: { kind: "bridge" }, ports: [], attachments } as const;
    const { namespacePath = "" } = await engine.networks.openSandbox(request, SIGNAL);
    await engine.networks.connectSandbox(id, SIGNAL);
    return namespacePath;
  }

  test("macvlan: a container is a machine on the parent's network, and keeps off it once closed", async () => {
    const { parent, path, subnet } = cable();
    const pools = [
      {
        subnet: `${subnet}.0/24`,
        gateway: `${subnet}.1`,
        ipRange: `${subnet}.128/25`,
        auxiliary: {},
      },
    ];
    const lan = await make({ pools, options: { parent } });
    expect(lab.host.netlink.link(parent)?.alias).toBeUndefined();
    const one = await container("c1", lan.id);
    const address = engine.networks.sandboxOf("c1")?.endpoints[0]?.ipAddress ?? "";
    expect(address).toBe(`${subnet}.128`);
    lab.serveTcp(path, 80);
    lab.serveTcp(one, 80);
    expect(await lab.askTcp(one, `${subnet}.1`, 80)).toBe(address);
    expect(await lab.askTcp(path, address, 80)).toBe(`${subnet}.1`);
    await engine.networks.closeSandbox("c1");
    expect(await container("c2", lan.id)).not.toBe(one);
    expect(engine.networks.sandboxOf("c2")?.endpoints[0]?.ipAddress).toBe(address);
    await engine.networks.closeSandbox("c2");
    await engine.networks.remove(lan.id);
    expect(lab.host.netlink.link(parent)).toBeDefined();
    expect(await engine.networks.audit()).toEqual([]);
  });

  test("macvlan: ports are not published, and that is said", async () => {
    const lan = await make({});
    const request = {
      containerId: "c1",
      mode: { kind: "bridge" },
      ports: [{ protocol: "tcp", containerPort: 80, hostPort: 0 }],
      attachments: [{ networkId: lan.id, dnsNames: [] }],
    } as const;
    const sandbox = await engine.networks.openSandbox(request, SIGNAL);
    expect(sandbox.ports).toEqual([]);
    expect(engine.warnings.join()).toContain(
      "Container c1 publishes no ports: network lan of driver macvlan has none",
    );
    await engine.networks.closeSandbox("c1");
  });

  test("macvlan: private keeps containers apart, passthru has one", async () => {
    const { parent } = cable();
    const apart = await make({ name: "apart", options: { macvlan_mode: "private" } });
    const [one, two] = [await container("c1", apart.id), await container("c2", apart.id)];
    lab.serveTcp(one, 80);
    const address = engine.networks.sandboxOf("c1")?.endpoints[0]?.ipAddress ?? "";
    expect(await lab.askTcp(two, address, 80, 300)).toBeUndefined();
    const alone = await make({ name: "alone", options: { macvlan_mode: "passthru", parent } });
    await container("c3", alone.id);
    expect(container("c4", alone.id)).rejects.toThrow(
      'Cannot connect to network "alone": in mode passthru one container has the parent for itself',
    );
    expect(await refusalOf({ name: "x", options: { parent } })).toBe(
      `macvlan network alone is already using parent interface ${parent} in mode passthru`,
    );
    for (const id of ["c1", "c2", "c3", "c4"]) await engine.networks.closeSandbox(id);
  });

  test("what cannot be a parent is refused by name", async () => {
    const { name } = await make({ name: "first", driver: "bridge" });
    expect(name).toBe("first");
    expect(await refusalOf({ options: { parent: "lo" } })).toBe(
      "loopback interface is not a valid macvlan parent link",
    );
    expect(await refusalOf({ options: { parent: "none0" } })).toBe(
      "invalid subinterface vlan name none0, example formatting is eth0.10",
    );
    expect(await refusalOf({ options: { parent: "none0.5" } })).toBe(
      "-o parent interface was not found on the host: none0",
    );
    expect(await refusalOf({ options: { parent: "lo.4095" } })).toBe(
      "vlan id must be between 1-4094, received: 4095",
    );
    expect(await refusalOf({ options: { macvlan_mode: "x" } })).toContain("'x' is not valid");
    expect(await refusalOf({ driver: "ipvlan", options: { ipvlan_mode: "l9" } })).toContain("'l9'");
    expect(await refusalOf({ driver: "ipvlan", options: { ipvlan_flag: "x" } })).toContain("'x'");
    const { parent } = cable();
    const port = `wp${hex(4)}`;
    lab.host.netlink.apply([
      { kind: "add-bridge", name: port },
      { kind: "set-master", name: parent, master: port },
    ]);
    expect(await refusalOf({ options: { parent } })).toBe(
      `Cannot use device "${parent}" as parent: it belongs to "${port}"`,
    );
    lab.host.netlink.apply([{ kind: "delete-link", name: port }]);
  });

  test("a kernel without ipvlan or VLANs is named", async () => {
    const { parent } = cable();
    const vlan = `${parent}.7`;
    if (lab.host.netlink.hasKind("vlan")) {
      const network = await make({ name: "tagged", options: { parent: vlan } });
      expect(lab.host.netlink.link(vlan)?.kind).toBe("vlan");
      const second = await make({ name: "also", options: { parent: vlan } });
      await engine.networks.remove(network.id);
      expect(lab.host.netlink.link(vlan)).toBeDefined();
      await engine.networks.remove(second.id);
      expect(lab.host.netlink.link(vlan)).toBeUndefined();
    } else {
      expect(await refusalOf({ options: { parent: vlan } })).toBe(
        `Cannot make sub-interface "${vlan}": this kernel has no VLANs (CONFIG_VLAN_8021Q)`,
      );
    }
    if (HAS_IPVLAN) return;
    expect(await refusalOf({ driver: "ipvlan" })).toBe(
      'Cannot make network "lan": this kernel has no ipvlan devices (CONFIG_IPVLAN)',
    );
  });

  test("several subnets of a family are filled one after the other", async () => {
    const pools = ["198.51.100.0/30", "203.0.113.0/30"].map((subnet) => ({
      subnet,
      gateway: "",
      ipRange: "",
      auxiliary: {},
    }));
    const lan = await make({ pools });
    await container("c1", lan.id);
    await container("c2", lan.id);
    const [first, second] = ["c1", "c2"].map((id) => engine.networks.sandboxOf(id)?.endpoints[0]);
    expect(first).toMatchObject({ ipAddress: "198.51.100.2", gateway: "198.51.100.1" });
    expect(second).toMatchObject({ ipAddress: "203.0.113.2", gateway: "203.0.113.1" });
    expect(container("c3", lan.id)).rejects.toThrow("no available IPv4 addresses");
    expect(await refusalOf({ name: "b", driver: "bridge", pools })).toContain(
      "bridge driver doesn't support multiple subnets",
    );
    for (const id of ["c1", "c2"]) await engine.networks.closeSandbox(id);
  });
});

type LabNetworkId = Awaited<ReturnType<LabEngine["networks"]["create"]>>["id"];
