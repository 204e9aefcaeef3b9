import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, readlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { InternalError } from "#base/errors.ts";
import { openScratch, type Scratch } from "#host/testing/scratch.ts";
import { openLinuxHost } from "./host.ts";

const host = await openLinuxHost();
const { namespaces } = host;

let scratch: Scratch;
let pin: string;

beforeEach(() => {
  scratch = openScratch(host);
  pin = join(scratch.path, "net");
  namespaces.createNetwork(pin);
});
afterEach(() => {
  namespaces.removeNetwork(pin);
  scratch[Symbol.dispose]();
});

describe("LinuxNamespaces", () => {
  test("inNetwork() moves this thread only, for the time of its work", () => {
    const here = readlinkSync("/proc/thread-self/ns/net");
    const inside = namespaces.inNetwork(pin, () => readlinkSync("/proc/thread-self/ns/net"));
    expect(inside).toBe(`net:[${namespaces.inodeOf(pin)}]`);
    expect(readlinkSync("/proc/thread-self/ns/net")).toBe(here);
    expect(here).not.toBe(inside);
  });

  test("inNetwork() refuses asynchronous work and comes back", () => {
    const here = readlinkSync("/proc/thread-self/ns/net");
    expect(() => void namespaces.inNetwork(pin, async () => {})).toThrow(InternalError);
    expect(readlinkSync("/proc/thread-self/ns/net")).toBe(here);
  });

  test("a server that is opened inside stays inside", async () => {
    const server = createServer((socket) => socket.end("inside"));
    const listening = new Promise((resolve) => server.once("listening", resolve));
    namespaces.inNetwork(pin, () => server.listen(7777, "127.0.0.1"));
    await listening;
    const ask = { argv: ["/bin/busybox", "nc", "127.0.0.1", "7777"] };
    const inside = await host.processes.run({ ...ask, networkNamespacePath: pin });
    expect(inside.stdout).toBe("inside");
    expect((await host.processes.run(ask)).stdout).toBe("");
    await new Promise((resolve) => server.close(resolve));
  });

  test("inNetwork() nests, and comes back through each namespace", () => {
    const here = readlinkSync("/proc/thread-self/ns/net");
    const other = join(scratch.path, "other");
    namespaces.createNetwork(other);
    const seen = namespaces.inNetwork(pin, () => [
      namespaces.inNetwork(other, () => readlinkSync("/proc/thread-self/ns/net")),
      readlinkSync("/proc/thread-self/ns/net"),
    ]);
    expect(seen).toEqual([other, pin].map((path) => `net:[${namespaces.inodeOf(path)}]`));
    expect(readlinkSync("/proc/thread-self/ns/net")).toBe(here);
    namespaces.removeNetwork(other);
  });

  test("removeNetwork() takes a namespace away that is pinned twice, and a pin without one", async () => {
    await host.processes.run({ argv: ["/bin/busybox", "mount", "--bind", pin, pin] });
    expect(namespaces.removeNetwork(pin)).toBe(true);
    writeFileSync(pin, "");
    expect(namespaces.removeNetwork(pin)).toBe(true);
    expect(existsSync(pin)).toBe(false);
  });

  test("a namespace goes with its pin", () => {
    const peer = { name: "eth0", namespacePath: pin };
    const name = `wt${process.pid}`;
    const other = join(scratch.path, "other");
    namespaces.createNetwork(other);
    host.netlink.apply([{ kind: "add-veth", name, peer }], other);
    expect(namespaces.removeNetwork(pin)).toBe(true);
    expect(namespaces.removeNetwork(other)).toBe(true);
    expect(namespaces.removeNetwork(pin)).toBe(false);
  });
});
