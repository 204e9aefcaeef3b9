import { expect, test } from "bun:test";
import { openLinuxHost } from "#host/linux/host.ts";
import type { NetworkRules } from "#networks/driver.ts";
import { hex, Lab } from "#networks/testing/lab.ts";
import { testInOwnNetwork } from "#networks/testing/own-network.ts";
import { planAdmission } from "./admission.ts";
import { Firewall } from "./firewall.ts";
import type { PublishedTarget } from "./published-target.ts";

const NAT = { mode: "nat", masquerade: true } as const;
const ROUTED: NetworkRules = {
  key: "dddddddddddd",
  bridgeName: "wd",
  subnets: ["172.18.2.0/24", "fd00:2::/64"],
  ipv4: { ...NAT, sourceAddress: "192.0.2.1" },
  ipv6: { mode: "routed", masquerade: false },
  trustedDevices: ["eth9"],
  interContainer: true,
  internal: false,
};
const NETWORKS: readonly NetworkRules[] = [
  {
    key: "aaaaaaaaaaaa",
    bridgeName: "br-aaaaaaaaaaaa",
    subnets: ["172.18.0.0/24", "fd00:1::/64"],
    ipv4: NAT,
    ipv6: NAT,
    trustedDevices: [],
    interContainer: true,
    internal: false,
  },
  {
    key: "bbbbbbbbbbbb",
    bridgeName: "wb",
    subnets: ["172.18.1.0/24"],
    ipv4: NAT,
    ipv6: NAT,
    trustedDevices: [],
    interContainer: false,
    internal: true,
  },
  {
    key: "cccccccccccc",
    bridgeName: "br-cccccccccccc",
    subnets: ["255.255.255.0/24", "ffff::/16"],
    ipv4: { ...NAT, masquerade: false },
    ipv6: { ...NAT, masquerade: false },
    trustedDevices: [],
    interContainer: true,
    internal: false,
  },
];

function port(hostAddress: string, hostPort: number): PublishedTarget {
  const containerAddress = hostAddress.includes(":") ? "fd00:1::2" : "172.18.0.2";
  const protocol = hostPort % 2 === 0 ? "tcp" : "udp";
  return { protocol, hostAddress, hostPort, containerAddress, containerPort: 60_000 + hostPort };
}

const PORTS = ["0.0.0.0", "::", "127.0.0.1", "fd00:2::1"].flatMap((address) => [
  port(address, 80),
  port(address, 53),
]);

testInOwnNetwork(import.meta.path, () => {
  for (const mode of ["cooperate", "respect"] as const) {
    test(`what steps make of the table is what its text says (${mode})`, async () => {
      await using lab = await Lab.open();
      await using host = await openLinuxHost();
      const { nft, namespaces } = host;
      const engineId = hex(16);
      const firewall = new Firewall({
        nft,
        engineId,
        scratchDirectory: lab.directory,
        ...(mode === "respect"
          ? { admission: { ...planAdmission(engineId), outDevice: "lo" } }
          : {}),
      });
      await firewall.install([], []);
      // one with rules of its own comes by text, and goes by steps
      await firewall.addNetwork(ROUTED);
      // a text would put right what steps did wrong: there is to be none from here on
      nft.run = async (script, namespacePath) => {
        expect(namespacePath, script).toBeDefined();
        await Object.getPrototypeOf(nft).run.call(nft, script, namespacePath);
      };
      const isAsWanted = async (): Promise<boolean> => !(await firewall.hasDrifted(namespaces));
      for (const network of NETWORKS) await firewall.addNetwork(network);
      expect(await isAsWanted()).toBe(true);
      const many = Array.from({ length: 600 }, (_, index) => port("0.0.0.0", 100 + index));
      await firewall.publish(many);
      await firewall.publish(PORTS);
      expect(await isAsWanted()).toBe(true);
      await firewall.change({ add: [port("0.0.0.0", 7)], remove: many });
      expect(await isAsWanted()).toBe(true);
      for (const { key } of [ROUTED, ...NETWORKS]) await firewall.removeNetwork(key);
      await firewall.unpublish(PORTS);
      expect(await isAsWanted()).toBe(true);
      await firewall.unpublish([]);
      delete (nft as { run?: unknown }).run;
      await firewall.remove();
    });
  }
});
