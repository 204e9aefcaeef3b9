import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { invariant } from "#base/errors.ts";
import type { Host } from "#host/host.ts";
import { openLinuxHost } from "#host/linux/host.ts";

let host: Host;
beforeAll(async () => {
  host = await openLinuxHost();
});
afterAll(() => host[Symbol.asyncDispose]());

/** Ports of loopback addresses that nobody else uses: one address a port. */
function reserve(index: number): number {
  const descriptor = host.sockets.reservePort("tcp", addressOf(index), 20_000);
  invariant(descriptor !== undefined, `${addressOf(index)} is free`);
  return descriptor;
}

function addressOf(index: number): string {
  return `127.${100 + (process.pid % 100)}.${index >> 8}.${index & 0xff}`;
}

function isTaken(index: number): boolean {
  const descriptor = host.sockets.reservePort("tcp", addressOf(index), 20_000);
  if (descriptor !== undefined) host.sockets.closeDescriptor(descriptor);
  return descriptor === undefined;
}

describe("SocketVault", () => {
  test("keeps sockets that nobody else has, until they are replaced or the last end is closed", () => {
    const vault = host.sockets.openVault();
    const [a, b] = [reserve(1), reserve(2)];
    vault.keep([
      { name: "a", descriptor: a },
      { name: "b", descriptor: b },
    ]);
    host.sockets.closeDescriptor(a);
    expect(isTaken(1)).toBe(true);
    vault.keep([{ name: "b", descriptor: b }]);
    expect(isTaken(1)).toBe(false);
    host.sockets.closeDescriptor(b);
    const twin = vault.share();
    vault[Symbol.dispose]();
    expect(isTaken(2)).toBe(true);
    twin[Symbol.dispose]();
    expect(isTaken(2)).toBe(false);
  });

  test("gives back what it keeps, a thousand sockets too, and keeps it all the same", () => {
    using vault = host.sockets.openVault();
    const all = Array.from({ length: 1000 }, (_, index) => ({
      name: `port ${index}`,
      descriptor: reserve(1000 + index),
    }));
    vault.keep(all);
    for (const { descriptor } of all) host.sockets.closeDescriptor(descriptor);
    const taken = vault.take();
    expect(taken.map(({ name }) => name)).toEqual(all.map(({ name }) => name));
    for (const { descriptor } of taken) host.sockets.closeDescriptor(descriptor);
    expect(isTaken(1999)).toBe(true);
    vault.keep([]);
    expect(isTaken(1000)).toBe(false);
  });

  test("lives on in a process that has inherited it, and is found there", async () => {
    const vault = host.sockets.openVault();
    const child = host.processes.spawn({
      argv: ["/bin/sleep", "1000"],
      stdio: ["ignore", "ignore", "ignore", "ignore", "ignore", ...vault.ends],
    });
    const identity = host.processes.identify(child.pid);
    invariant(identity, "the child runs");
    const descriptor = reserve(3);
    vault.keep([{ name: "c", descriptor }]);
    host.sockets.closeDescriptor(descriptor);
    vault[Symbol.dispose]();
    expect(isTaken(3)).toBe(true);
    using found = host.sockets.vaultOf(child.pid, [5, 6]);
    const [kept] = found?.take() ?? [];
    expect(kept?.name).toBe("c");
    if (kept) host.sockets.closeDescriptor(kept.descriptor);
    host.processes.kill(identity, 9);
    await child.exited;
    found?.keep([]);
    expect(isTaken(3)).toBe(false);
    expect(host.sockets.vaultOf(child.pid, [5, 6])).toBeUndefined();
  });
});
