import { expect, test } from "bun:test";
import { planPeers } from "./plan-peers.ts";

const ONE = {
  address: "10.0.0.2",
  macAddress: "02:42:0a:00:00:02",
  hostAddress: "192.0.2.1",
};

function known(peers: readonly (typeof ONE)[]) {
  return peers.flatMap(({ address, macAddress, hostAddress }) => [
    { linkIndex: 1, macAddress, address: hostAddress, isForwarding: true },
    { linkIndex: 1, macAddress, address, isForwarding: false },
  ]);
}

test("planPeers() adds who is new and forgets who is gone", () => {
  const two = { ...ONE, address: "10.0.0.3", macAddress: "02:42:0a:00:00:03" };
  expect(planPeers("vx", known([ONE]), [two]).map(({ kind }) => kind)).toEqual([
    "delete-forwarding",
    "delete-neighbour",
    "add-forwarding",
    "add-neighbour",
  ]);
  expect(planPeers("vx", known([ONE, two]), [two, ONE])).toEqual([]);
});

test("planPeers() sends a container's frames to the host that it has moved to", () => {
  const moved = { ...ONE, hostAddress: "192.0.2.9" };
  expect(planPeers("vx", known([ONE]), [moved])).toEqual([
    {
      kind: "delete-forwarding",
      name: "vx",
      macAddress: ONE.macAddress,
      remoteAddress: "192.0.2.1",
    },
    { kind: "add-forwarding", name: "vx", macAddress: ONE.macAddress, remoteAddress: "192.0.2.9" },
  ]);
});

test("planPeers() leaves the device's own entries alone", () => {
  const own = { linkIndex: 1, macAddress: "33:33:00:00:00:01", isForwarding: true };
  expect(planPeers("vx", [own], [])).toEqual([]);
});
