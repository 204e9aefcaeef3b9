import { expect, test } from "bun:test";
import { chooseUpstreams, usableUpstreams } from "./upstreams.ts";

const NOBODY = { given: [], hostServers: [], hasIpv6: false };

test("chooseUpstreams() takes the user's from the container, else the host's from the host", () => {
  const hostServers = ["127.0.0.53", "fe80::1%eth0", "nonsense"];
  expect(chooseUpstreams({ ...NOBODY, hostServers })).toEqual([
    { address: "127.0.0.53", from: "host" },
    { address: "fe80::1%eth0", from: "host" },
  ]);
  expect(chooseUpstreams({ ...NOBODY, given: ["127.0.0.9"], hostServers })).toEqual([
    { address: "127.0.0.9", from: "container" },
  ]);
  expect(chooseUpstreams(NOBODY).map(({ from }) => from)).toEqual(["container", "container"]);
  expect(chooseUpstreams({ ...NOBODY, hasIpv6: true })).toHaveLength(4);
});

test("usableUpstreams() leaves out the server itself, and the host's for one without a way out", () => {
  const upstreams = chooseUpstreams({ ...NOBODY, given: ["127.0.0.11", "10.0.0.1"] });
  expect(usableUpstreams(upstreams, false).map(({ address }) => address)).toEqual(["10.0.0.1"]);
  const host = chooseUpstreams({ ...NOBODY, hostServers: ["127.0.0.11", "::1", "::2", "::3"] });
  expect(usableUpstreams(host, false)).toEqual([]);
  expect(usableUpstreams(host, true)).toHaveLength(3);
});
