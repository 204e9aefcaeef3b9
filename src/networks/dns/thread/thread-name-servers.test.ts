import { expect, test } from "bun:test";
import { FailedPreconditionError } from "#base/errors.ts";
import type { NameServers, ServedContainer } from "#networks/dns/name-servers.ts";
import { parseNetworkId } from "#spec/ids.ts";
import { serveOrder } from "./serve-orders.ts";
import { type StartDnsThread, ThreadNameServers } from "./thread-name-servers.ts";

const WEB = parseNetworkId("a".repeat(64));
const container = (containerId: string): ServedContainer => ({
  containerId,
  namespacePath: `/ns/${containerId}`,
  zone: [],
  servers: [],
  options: [],
  hasIpv6: false,
  mayLeave: true,
});
const named = (containerId: string) => ({ containerId, addresses: [], names: [containerId] });

/** Threads in memory, whose servers write down what they are told. */
function openThreads() {
  const told: string[] = [];
  const deaths: ((reason: string) => void)[] = [];
  const warnings: string[] = [];
  const servers: NameServers = {
    put: (_, { containerId }) => void told.push(`put ${containerId}`),
    remove: (_, containerId) => void told.push(`remove ${containerId}`),
    serve: async ({ containerId }) => {
      told.push(`serve ${containerId}`);
      if (containerId === "bad") throw new FailedPreconditionError("no nftables");
    },
    close: async (containerId) => void told.push(`close ${containerId}`),
    [Symbol.asyncDispose]: async () => {},
  };
  const start: StartDnsThread = ({ onReport, onDeath }) => {
    told.push("thread");
    let isAlive = true;
    deaths.push((reason) => {
      isAlive = false;
      onDeath(reason);
    });
    return {
      send: (order) => {
        if (isAlive) serveOrder(servers, order, onReport);
      },
      [Symbol.asyncDispose]: async () => void told.push("end"),
    };
  };
  const remote = new ThreadNameServers({
    start,
    warn: (text) => warnings.push(text),
    restartMs: 0,
  });
  return { remote, told, deaths, warnings };
}

test("the thread begins with the first container that needs it, and knows what was told before", async () => {
  const { remote, told } = openThreads();
  remote.put(WEB, named("db"));
  await remote.close("nobody");
  expect(told).toEqual([]);
  await remote.serve(container("web"));
  remote.remove(WEB, "db");
  await remote.close("web");
  await remote[Symbol.asyncDispose]();
  expect(told).toEqual(["thread", "put db", "serve web", "remove db", "close web", "end"]);
});

test("a failure comes back to who asked", async () => {
  const { remote } = openThreads();
  await expect(remote.serve(container("bad"))).rejects.toThrow("no nftables");
  await remote.serve(container("good"));
});

test("when the thread dies, calls fail, and the next one is told everything anew", async () => {
  const { remote, told, deaths, warnings } = openThreads();
  remote.put(WEB, named("db"));
  await remote.serve(container("web"));
  await remote.serve(container("gone"));
  await remote.close("gone");
  told.length = 0;
  deaths[0]?.("a bug");
  while (!told.includes("serve web")) await new Promise(setImmediate);
  expect(told).toEqual(["thread", "put db", "serve web"]);
  expect(warnings).toEqual([
    "The thread that resolves names of containers ended, and begins anew: a bug",
  ]);
});
