import { expect, test } from "bun:test";
import { join } from "node:path";
import { clockContract } from "#host/testing/clock-contract.ts";
import { mountsContract } from "#host/testing/mounts-contract.ts";
import { netlinkContract } from "#host/testing/netlink-contract.ts";
import { openScratch } from "#host/testing/scratch.ts";
import { openLinuxHost } from "./host.ts";

const host = await openLinuxHost();

clockContract("SystemClock", () => {
  return { clock: host.clock, pass: (byMs) => host.clock.delay(byMs) };
});

mountsContract("LinuxMounts", () => {
  const scratch = openScratch(host);
  return {
    mounts: host.mounts,
    folder: (name) => scratch.folder(name),
    missing: () => join(scratch.path, "missing"),
    [Symbol.dispose]: () => scratch[Symbol.dispose](),
  };
});

netlinkContract("LinuxNetlink", () => {
  const { namespaces, netlink } = host;
  const scratch = openScratch(host);
  const [first, container, spare] = ["host", "container", "spare"].map((name) =>
    join(scratch.path, name),
  ) as [string, string, string];
  namespaces.createNetwork(first);
  namespaces.createNetwork(container);
  return {
    netlink,
    namespaces,
    host: first,
    container,
    spare,
    [Symbol.dispose]: () => {
      for (const pin of [first, container, spare]) namespaces.removeNetwork(pin);
      scratch[Symbol.dispose]();
    },
  };
});

test("openLinuxHost() opens and closes without leaving a descriptor", async () => {
  const before = host.system.ownUsage().openFiles;
  for (let round = 0; round < 3; round += 1) {
    await using other = await openLinuxHost();
    other.netlink.links();
    await other.nft.list({ family: "ip", name: "wharf-test-none" });
  }
  expect(host.system.ownUsage().openFiles).toBe(before);
});
