import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { newEndpointId, newNetworkId } from "#spec/ids.ts";
import type { EndpointRecord, EndpointRequest, NetworkDriver } from "#networks/driver.ts";
import { routesBy } from "#networks/gateway-endpoint.ts";
import { LocalIpam } from "#networks/ipam/local-ipam.ts";
import type { NetworkRecord } from "#networks/networks.ts";
import { hex, type Lab } from "./lab.ts";

export interface DriverSubject {
  readonly lab: Lab;
  readonly driver: NetworkDriver;
  /** What the devices carry that the driver makes. */
  readonly alias: string;
  /** Of the networks that the tests make. */
  readonly options?: Readonly<Record<string, string>>;
}

const PORT = 8080;

/** A network as the catalog records it, on a subnet of its own. */
export function networkRecord(driver: string, more: Partial<NetworkRecord> = {}): NetworkRecord {
  const [a = 0, b = 0] = randomBytes(2);
  const prefix = `198.${18 + (a % 2)}.${b}`;
  return {
    id: newNetworkId(randomBytes),
    name: `n${hex(3)}`,
    driver,
    createdMs: 0,
    internal: false,
    enableIpv4: true,
    enableIpv6: true,
    labels: {},
    options: {},
    pools: [
      { subnet: `${prefix}.0/24`, gateway: `${prefix}.1` },
      {
        subnet: `fd00:${a.toString(16)}:${b.toString(16)}::/64`,
        gateway: `fd00:${a.toString(16)}:${b.toString(16)}::1`,
      },
    ],
    ...more,
  };
}

/** What every driver that gives containers a device keeps; `open` runs before each test. */
export function driverContract(name: string, open: () => Promise<DriverSubject>): void {
  describe(`${name} keeps the contract of NetworkDriver:`, () => {
    let subject: DriverSubject;
    let lab: Lab;
    let driver: NetworkDriver;
    let ipam: LocalIpam;
    let networks: NetworkRecord[];

    beforeEach(async () => {
      subject = await open();
      ({ lab, driver } = subject);
      ipam = new LocalIpam();
      networks = [];
    });
    afterEach(async () => {
      for (const network of networks) await driver.takeDown(network, [], "remove");
      await lab[Symbol.asyncDispose]();
    });

    const deviceNames = (): readonly string[] =>
      lab.host.netlink
        .links()
        .filter(({ alias }) => alias === subject.alias)
        .map((link) => link.name)
        .toSorted();

    async function network(more: Partial<NetworkRecord> = {}): Promise<NetworkRecord> {
      const options = { ...subject.options, ...more.options };
      const record = networkRecord(name, { ...more, options });
      await driver.checkCreate(record, networks);
      await driver.bringUp(record, "create");
      networks.push(record);
      return record;
    }

    async function plan(
      on: NetworkRecord,
      more: Partial<EndpointRequest> = {},
      wishes: { readonly ipv4Address?: string } = {},
    ): Promise<EndpointRecord> {
      const containerId = hex(32);
      const addresses = await ipam.take(on, wishes);
      const endpointId = newEndpointId(randomBytes);
      return driver.planEndpoint(on, {
        endpointId,
        containerId,
        nextInterface: (prefix) => `${prefix}0`,
        addresses,
        ...more,
      });
    }

    async function attached(
      on: NetworkRecord,
      planned?: EndpointRecord,
    ): Promise<{ readonly path: string; readonly endpoint: EndpointRecord }> {
      const endpoint = planned ?? (await plan(on));
      const path = lab.namespace();
      const made = await driver.attachEndpoint(on, endpoint, path, routesBy(endpoint, [endpoint]));
      await ready(on, made ?? endpoint);
      return { path, endpoint: made ?? endpoint };
    }

    async function ready(on: NetworkRecord, endpoint: EndpointRecord): Promise<void> {
      while (!driver.isEndpointReady(on, endpoint)) await Bun.sleep(1);
    }

    const addressesIn = (path: string, interfaceName: string | undefined): readonly string[] => {
      const index = lab.host.netlink.link(interfaceName ?? "", path)?.index;
      return lab.host.netlink
        .addresses(path)
        .filter(({ linkIndex, scope }) => linkIndex === index && scope === "global")
        .map(({ cidr }) => cidr);
    };

    test("a network comes and goes, and its devices with it", async () => {
      const made = await network();
      expect(deviceNames()).toEqual(driver.hostDevices(made));
      await driver.bringUp(made, "restart");
      await driver.takeDown(made, [], "remove");
      expect(deviceNames()).toEqual([]);
      await driver.takeDown(made, [], "remove");
    });

    test("an endpoint has its name, addresses and way out", async () => {
      const on = await network();
      const { path, endpoint } = await attached(on);
      expect(endpoint.interfaceName).toBe("eth0");
      const link = lab.host.netlink.link("eth0", path);
      expect(link?.isUp).toBe(true);
      if (endpoint.macAddress !== "") expect(link?.macAddress).toBe(endpoint.macAddress);
      expect(addressesIn(path, "eth0")).toEqual([
        `${endpoint.ipAddress}/${endpoint.prefixLength}`,
        `${endpoint.ipv6Address}/${endpoint.ipv6PrefixLength}`,
      ]);
      const ways = lab.host.netlink
        .routes(path)
        .filter(({ destination }) => destination === "default");
      expect(ways.map(({ family }) => family).toSorted((a, b) => a - b)).toEqual([
        ...routesBy(endpoint, [endpoint]),
      ]);
      expect(driver.isEndpointAttached(endpoint, path)).toBe(true);
    });

    test("an endpoint of an internal network has no way out", async () => {
      const on = await network({ internal: true });
      const endpoint = await plan(on);
      expect(endpoint.gateway).toBe("");
      const path = lab.namespace();
      await driver.attachEndpoint(on, endpoint, path, []);
      const ways = lab.host.netlink.routes(path).map(({ destination }) => destination);
      expect(ways).not.toContain("default");
    });

    test("containers of one network reach each other", async () => {
      const here = await network();
      const [one, two] = [await attached(here), await attached(here)];
      lab.serveTcp(one.path, PORT);
      const { ipAddress } = one.endpoint;
      expect(await lab.askTcp(two.path, ipAddress, PORT)).toBe(two.endpoint.ipAddress);
    });

    test("after an endpoint is detached its address can be another's", async () => {
      const on = await network();
      const [first, client] = [await attached(on), await attached(on)];
      await driver.detachEndpoint(first.endpoint, first.path, on);
      await ipam.release(on, first.endpoint);
      const { ipAddress } = first.endpoint;
      const next = await attached(on, await plan(on, {}, { ipv4Address: ipAddress }));
      lab.serveTcp(next.path, PORT);
      expect(await lab.askTcp(client.path, ipAddress, PORT)).toBe(client.endpoint.ipAddress);
      await driver.detachEndpoint(first.endpoint, first.path, on);
    });

    test("what has gone already is no error: namespace, devices, the network's record", async () => {
      const on = await network();
      const { path, endpoint } = await attached(on);
      lab.host.namespaces.removeNetwork(path);
      await driver.detachEndpoint(endpoint, path, on);
      await driver.detachEndpoint(endpoint, path, undefined);
      await driver.detachEndpoint(endpoint, undefined, on);
      await driver.takeDown(on, [], "remove");
      await driver.detachEndpoint(endpoint, path, on);
    });

    test("an endpoint that lives on is put right when its network was made again", async () => {
      const on = await network();
      const { path, endpoint } = await attached(on);
      await driver.bringUp(on, "restart");
      expect(driver.isEndpointAttached(endpoint, path)).toBe(true);
      driver.restoreEndpoint(on, endpoint);
      const { path: other, endpoint: client } = await attached(on);
      lab.serveTcp(path, PORT);
      expect(await lab.askTcp(other, endpoint.ipAddress, PORT)).toBe(client.ipAddress);
    });

    test("an interface has the name and the MTU that are asked for", async () => {
      const on = await network({ options: { "com.docker.network.driver.mtu": "1280" } });
      const attachment = { networkId: on.id, dnsNames: ["a"], interfaceName: "lan7" };
      const { path, endpoint } = await attached(on, await plan(on, { attachment }));
      expect(endpoint).toMatchObject({ interfaceName: "lan7", aliases: ["a"] });
      expect(lab.host.netlink.link("lan7", path)?.mtuBytes).toBe(1280);
    });
  });
}
