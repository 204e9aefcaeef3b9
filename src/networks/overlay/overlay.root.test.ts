import { randomBytes, randomInt } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { newEndpointId } from "#spec/ids.ts";
import { MemoryStore } from "#store/memory/store.ts";
import type { EndpointRecord } from "#networks/driver.ts";
import { OwnDevices } from "#networks/own-devices.ts";
import { DEVICE_INTENTS } from "#networks/records.ts";
import { driverContract, networkRecord } from "#networks/testing/driver-contract.ts";
import { hex, Lab } from "#networks/testing/lab.ts";
import { OverlayDriver } from "./overlay-driver.ts";

const VNI = "com.docker.network.driver.overlay.vxlanid_list";

function open(lab: Lab, port: number): { readonly driver: OverlayDriver; readonly alias: string } {
  const intents = new MemoryStore().collection(DEVICE_INTENTS);
  const devices = new OwnDevices({ ...lab.host, engineId: hex(16), intents });
  return { driver: new OverlayDriver({ ...lab.host, devices, port }), alias: devices.alias };
}

driverContract("overlay", async () => {
  const lab = await Lab.open();
  return {
    lab,
    ...open(lab, randomInt(20_000, 30_000)),
    options: { [VNI]: `${randomInt(1, 1 << 24)}` },
  };
});

describe("an overlay over two hosts", () => {
  let lab: Lab;
  beforeEach(async () => {
    lab = await Lab.open();
  });
  afterEach(() => lab[Symbol.asyncDispose]());

  test("containers reach those that the network is told of, and not those that it is told to forget", async () => {
    const port = randomInt(20_000, 30_000);
    const vni = randomInt(1, 1 << 24);
    const { driver } = open(lab, port);
    const network = networkRecord("overlay", { options: { [VNI]: String(vni) } });
    driver.checkCreate(network);
    driver.bringUp(network);
    const prefix = network.pools[0]?.subnet.replace("0/24", "") ?? "";
    const endpoint: EndpointRecord = driver.planEndpoint(network, {
      endpointId: newEndpointId(randomBytes),
      containerId: hex(32),
      nextInterface: (prefix) => `${prefix}0`,
      addresses: { ipv4: { address: `${prefix}2`, prefixLength: 24, gateway: "" } },
    });
    const path = lab.namespace();
    driver.attachEndpoint(network, endpoint, path, []);

    // the other host: a namespace at the other end of a cable
    const { namespacePath: other, hostAddress, address } = lab.outside();
    const far = { address: `${prefix}9`, macAddress: "02:42:00:00:00:09", hostAddress: address };
    lab.host.netlink.apply(
      [
        { kind: "add-vxlan", name: "vx0", vni, port, mtuBytes: 1450 },
        { kind: "set-mac", name: "vx0", macAddress: far.macAddress },
        { kind: "add-address", name: "vx0", cidr: `${far.address}/24` },
        { kind: "set-up", name: "vx0" },
        {
          kind: "add-forwarding",
          name: "vx0",
          macAddress: endpoint.macAddress,
          remoteAddress: hostAddress,
        },
        {
          kind: "add-neighbour",
          name: "vx0",
          address: endpoint.ipAddress,
          macAddress: endpoint.macAddress,
        },
      ],
      other,
    );
    lab.serveTcp(other, 80, far.address);
    expect(await lab.askTcp(path, far.address, 80, 300)).toBeUndefined();
    driver.setPeers(network, [far]);
    driver.setPeers(network, [far]);
    expect(await lab.askTcp(path, far.address, 80)).toBe(endpoint.ipAddress);
    driver.setPeers(network, []);
    expect(await lab.askTcp(path, far.address, 80, 300)).toBeUndefined();
    await driver.takeDown(network);
    expect(() => driver.setPeers(network, [])).toThrow("is not up");
  });

  test("an identifier is needed, and there are 2^24 of them", () => {
    const { driver } = open(lab, 4789);
    for (const vni of ["", "0", "x", String(1 << 24)]) {
      const network = networkRecord("overlay", { options: { [VNI]: vni } });
      expect(() => driver.checkCreate(network)).toThrow("want a number from 1 to 16777215");
    }
  });
});
