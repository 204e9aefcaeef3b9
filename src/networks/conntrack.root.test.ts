import { afterAll, beforeAll, expect, test } from "bun:test";
import type { ConnectionMatch } from "#host/conntrack.ts";
import type { Host } from "#host/host.ts";
import { openLibc } from "#host/linux/ffi/libc.ts";
import { openLinuxHost } from "#host/linux/host.ts";
import {
  type Family,
  listConnections,
  originalOf,
} from "#host/linux/netlink/conntrack-requests.ts";
import { NETLINK_NETFILTER, NetlinkSocket } from "#host/linux/netlink/socket.ts";
import { testInOwnNetwork } from "./testing/own-network.ts";

/** What is sent to port 53 of 127.0.0.8 and of ::1 is led on; rules that ask for a connection's state have the kernel keep it. */
const RULES = `table inet led {
  chain out {
    type nat hook output priority -100
    ip daddr 127.0.0.8 udp dport 53 dnat ip to 127.0.0.9:5353
    ip6 daddr ::1 udp dport 53 dnat ip6 to [::1]:5353
  }
  chain in {
    type filter hook input priority filter
    ct state established accept
  }
}
`;
const CLIENT_PORT = 4000;
const FAMILIES: readonly Family[] = [2, 10];

/** Where to what the kernel knows of was sent, `127.0.0.2 53` each. */
function knownDestinations(): ReadonlySet<string> {
  using socket = new NetlinkSocket({ libc: openLibc(), protocol: NETLINK_NETFILTER });
  const all = FAMILIES.flatMap((family) =>
    socket.dump("Cannot list connections", listConnections(undefined, family)),
  );
  return new Set(
    all.flatMap((entry) => {
      const tuple = originalOf(entry);
      return tuple ? [`${tuple.destination} ${tuple.destinationPort}`] : [];
    }),
  );
}

testInOwnNetwork(import.meta.path, () => {
  let host: Host & AsyncDisposable;
  beforeAll(async () => {
    host = await openLinuxHost();
    await host.nft.run(RULES);
  });
  afterAll(() => host[Symbol.asyncDispose]());

  /** Sends a datagram to each place, then forgets those that match. @returns Which of them the kernel knows still. */
  async function knownAfter(
    places: readonly (readonly [address: string, port: number])[],
    match: ConnectionMatch,
  ): Promise<readonly string[]> {
    for (const [address, port] of places) {
      const socket = await Bun.udpSocket({
        hostname: address.includes(":") ? "::1" : "127.0.0.1",
        port: CLIENT_PORT,
      });
      socket.send("?", port, address);
      socket.close();
    }
    const sent = places.map(([address, port]) => `${address} ${port}`);
    const before = knownDestinations();
    expect(sent.filter((place) => !before.has(place))).toEqual([]);
    await host.conntrack.forget(match);
    const after = knownDestinations();
    return sent.filter((place) => after.has(place));
  }

  test("forget() of what was sent to a port takes those of that address alone", async () => {
    const left = await knownAfter(
      [
        ["127.0.0.2", 1001],
        ["127.0.0.3", 1001],
        ["127.0.0.2", 1002],
      ],
      { kind: "sent-to", protocol: "udp", addresses: ["127.0.0.2"], ports: [1001] },
    );
    expect(left).toEqual(["127.0.0.3 1001", "127.0.0.2 1002"]);
  });

  test("forget() of what was sent to many ports takes those and no other", async () => {
    const ports = Array.from({ length: 20 }, (_, index) => 1100 + index);
    const left = await knownAfter(
      [
        ["127.0.0.2", 1100],
        ["127.0.0.2", 1119],
        ["127.0.0.2", 1120],
        ["127.0.0.3", 1100],
        ["::1", 1100],
      ],
      { kind: "sent-to", protocol: "udp", addresses: ["127.0.0.2"], ports },
    );
    expect(left).toEqual(["127.0.0.2 1120", "127.0.0.3 1100", "::1 1100"]);
  });

  test("forget() of what an address answers takes what was led there too", async () => {
    const left = await knownAfter(
      [
        ["127.0.0.8", 53],
        ["127.0.0.9", 1200],
        ["127.0.0.7", 1200],
      ],
      { kind: "answered-by", address: "127.0.0.9" },
    );
    expect(left).toEqual(["127.0.0.7 1200"]);
  });

  test("forget() of what a port led to a container leaves those that went there by themselves", async () => {
    const left = await knownAfter(
      [
        ["127.0.0.8", 53],
        ["127.0.0.9", 5353],
      ],
      {
        kind: "led-to",
        targets: [
          {
            protocol: "udp",
            hostPort: 53,
            containerAddress: "127.0.0.9",
            containerPort: 5353,
          },
        ],
      },
    );
    expect(left).toEqual(["127.0.0.9 5353"]);
  });

  test("forget() takes IPv6 connections by their address", async () => {
    const places = [
      ["::1", 53],
      ["::1", 1300],
      ["127.0.0.2", 1300],
    ] as const;
    const others = { kind: "answered-by", address: "fd00::1" } as const;
    expect(await knownAfter(places, others)).toHaveLength(3);
    const left = await knownAfter(places, { kind: "answered-by", address: "::1" });
    expect(left).toEqual(["127.0.0.2 1300"]);
  });
});
