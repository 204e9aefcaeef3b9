import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { UnsupportedError } from "#base/errors.ts";
import { PortInUseError, type PortRequest } from "./networks.ts";
import { hex, Lab, type LabEngine } from "./testing/lab.ts";
import { MemoryStore } from "#store/memory/store.ts";

let lab: Lab;
let engine: LabEngine;

beforeAll(async () => {
  lab = await Lab.open();
  engine = await lab.engine();
  await engine.networks.reconcile(new Set());
});
afterAll(() => lab[Symbol.asyncDispose]());

function tcp(first: number, last = first): PortRequest {
  return { protocol: "tcp", containerPort: 80, hostPort: { first, last } };
}

/** A port that was free a moment ago, with the three after it. */
function freePort(): number {
  for (;;) {
    const first = 20_000 + Math.floor(Math.random() * 10_000);
    const held = [0, 1, 2, 3].map((step) =>
      lab.host.sockets.reservePort("tcp", "0.0.0.0", first + step),
    );
    for (const descriptor of held)
      if (descriptor !== undefined) lab.host.sockets.closeDescriptor(descriptor);
    if (held.every((descriptor) => descriptor !== undefined)) return first;
  }
}

function hasSctp(): boolean {
  try {
    const descriptor = lab.host.sockets.reservePort("sctp", "127.0.0.1", freePort());
    if (descriptor !== undefined) lab.host.sockets.closeDescriptor(descriptor);
    return true;
  } catch (error) {
    if (error instanceof UnsupportedError) return false;
    throw error;
  }
}

async function failure(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof PortInUseError) return error.message;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("openSandbox() with ports", () => {
  test("without an address serves 0.0.0.0 and :: under one number", async () => {
    const sandbox = await lab.container(engine, "any", [
      { protocol: "tcp", containerPort: 80, hostPort: 0 },
      { protocol: "tcp", containerPort: 81, hostPort: 0 },
    ]);
    const [a, b, c, d] = sandbox.ports;
    expect([a?.hostAddress, b?.hostAddress]).toEqual(["0.0.0.0", "::"]);
    expect(a?.hostPort).toBe(b?.hostPort ?? -1);
    expect(c?.hostPort).toBe(d?.hostPort ?? -1);
    expect(a?.hostPort).not.toBe(c?.hostPort);
    expect(a?.hostPort).toBeWithin(32768, 61000);
    await engine.networks.closeSandbox("any");
  });

  test("reserves the port on the host while the container is there, and no longer", async () => {
    const port = freePort();
    await lab.container(engine, "holder", [tcp(port)]);
    expect(lab.host.sockets.reservePort("tcp", "0.0.0.0", port)).toBeUndefined();
    expect(() => lab.serveTcp(undefined, port)).toThrow();
    await engine.networks.closeSandbox("holder");
    const descriptor = lab.host.sockets.reservePort("tcp", "0.0.0.0", port);
    expect(descriptor).toBeNumber();
    if (descriptor !== undefined) lab.host.sockets.closeDescriptor(descriptor);
  });

  test("names the container that has the port", async () => {
    const port = freePort();
    await lab.container(engine, "first", [tcp(port)]);
    expect(await failure(lab.container(engine, "second", [tcp(port)]))).toMatch(
      new RegExp(
        "^driver failed programming external connectivity on endpoint second \\([0-9a-f]{64}\\): " +
          `Bind for 0\\.0\\.0\\.0:${port} failed: port is already allocated: container "first" publishes it$`,
      ),
    );
    const udp = await lab.container(engine, "datagrams", [{ ...tcp(port), protocol: "udp" }]);
    expect(udp.ports[0]?.hostPort).toBe(port);
    for (const name of ["first", "datagrams"]) await engine.networks.closeSandbox(name);
  });

  test("names the program that has the port, and leaves nothing behind", async () => {
    const port = lab.serveTcp(undefined, 0);
    const message = await failure(lab.container(engine, "late", [tcp(freePort()), tcp(port)]));
    expect(message).toContain(
      `failed to bind host port 0.0.0.0:${port}/tcp: address already in use by `,
    );
    expect(message).toContain(`pid ${process.pid}`);
    expect(engine.networks.sandboxOf("late")).toBeUndefined();
    expect((await lab.container(engine, "late")).endpoints[0]?.ipAddress).toEndWith(".2");
    await engine.networks.closeSandbox("late");
  });

  test("takes the first free one of a range, and says so when none is", async () => {
    const first = freePort();
    const names = ["r1", "r2", "r3"];
    for (const [step, name] of names.entries()) {
      const { ports } = await lab.container(engine, name, [tcp(first, first + 2)]);
      expect(ports[0]?.hostPort).toBe(first + step);
    }
    expect(await failure(lab.container(engine, "r4", [tcp(first, first + 2)]))).toContain(
      'container "r1" publishes it',
    );
    for (const name of names) await engine.networks.closeSandbox(name);
  });

  test("of two starts that race for a port exactly one wins", async () => {
    const port = freePort();
    const names = Array.from({ length: 6 }, (_, index) => `racer${index}`);
    const results = await Promise.allSettled(
      names.map((name) => lab.container(engine, name, [tcp(port)])),
    );
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    for (const name of names) await engine.networks.closeSandbox(name);
  });

  test("refuses an address that the host does not have, and sctp where the kernel has none", async () => {
    expect(
      lab.container(engine, "x", [{ ...tcp(8080), hostAddress: "203.0.113.9" }]),
    ).rejects.toThrow("failed to bind host port 203.0.113.9:8080/tcp");
    const sctp = lab.container(engine, "y", [{ ...tcp(freePort()), protocol: "sctp" }]);
    if (hasSctp()) {
      expect((await sctp).ports.map(({ protocol }) => protocol)).toEqual(["sctp", "sctp"]);
      await engine.networks.closeSandbox("y");
    } else {
      expect(sctp).rejects.toThrow("this kernel has no SCTP (CONFIG_IP_SCTP)");
    }
  });
});

describe("changePorts()", () => {
  const publishedAt = async (): Promise<string> =>
    JSON.stringify(await lab.host.nft.list({ family: "inet", name: engine.table }));

  test("publishes, takes away and moves ports of a sandbox that is connected", async () => {
    const [first, second] = [freePort(), freePort()];
    const before = await lab.container(engine, "changing", [tcp(first)]);
    {
      await using change = await engine.networks.changePorts("changing", {
        add: [tcp(second)],
        remove: before.ports,
      });
      change.record("after");
      await change.apply();
    }
    const after = engine.networks.sandboxOf("changing");
    expect(after?.ports.map(({ hostPort }) => hostPort)).toEqual([second, second]);
    expect(await publishedAt()).toContain(String(second));
    expect(await publishedAt()).not.toContain(String(first));
    expect(lab.host.sockets.reservePort("tcp", "0.0.0.0", second)).toBeUndefined();
    const free = lab.host.sockets.reservePort("tcp", "0.0.0.0", first);
    expect(free).toBeDefined();
    if (free !== undefined) lab.host.sockets.closeDescriptor(free);
    // one port of the host, to another port of the container
    await using moved = await engine.networks.changePorts("changing", {
      add: [{ ...tcp(second), containerPort: 81 }],
      remove: after?.ports ?? [],
    });
    moved.record("after");
    await moved.apply();
    expect(engine.networks.sandboxOf("changing")?.ports.map((port) => port.containerPort)).toEqual([
      81, 81,
    ]);
    await engine.networks.closeSandbox("changing");
    expect(await publishedAt()).not.toContain(String(second));
  });

  test("takes ports of another sandbox over in one step", async () => {
    const [shared, kept] = [freePort(), freePort()];
    const old = await lab.container(engine, "old", [tcp(shared), tcp(kept)]);
    await lab.container(engine, "new", []);
    const portsOf = (name: string): readonly number[] =>
      (engine.networks.sandboxOf(name)?.ports ?? []).map(({ hostPort }) => hostPort);
    {
      await using _ = await engine.networks.changePorts("new", {
        add: [tcp(shared)],
        remove: [],
        from: "old",
      });
    }
    expect([portsOf("new"), portsOf("old")]).toEqual([[], [shared, shared, kept, kept]]);
    {
      await using change = await engine.networks.changePorts("new", {
        add: [tcp(shared)],
        remove: [],
        from: "old",
      });
      expect(change.taken).toEqual(old.ports.filter(({ hostPort }) => hostPort === shared));
      change.record("after");
      await change.apply();
    }
    expect([portsOf("new"), portsOf("old")]).toEqual([
      [shared, shared],
      [kept, kept],
    ]);
    await engine.networks.closeSandbox("old");
    const address = engine.networks.sandboxOf("new")?.endpoints[0]?.ipAddress ?? "?";
    expect(await publishedAt()).toContain(address);
    expect(lab.host.sockets.reservePort("tcp", "0.0.0.0", shared)).toBeUndefined();
    const other = await lab.container(engine, "third", []);
    expect(other.ports).toEqual([]);
    expect(
      await failure(engine.networks.changePorts("third", { add: [tcp(shared)], remove: [] })),
    ).toContain('container "new" publishes it');
    await engine.networks.closeSandbox("new");
    await engine.networks.closeSandbox("third");
    const free = lab.host.sockets.reservePort("tcp", "0.0.0.0", shared);
    expect(free).toBeDefined();
    if (free !== undefined) lab.host.sockets.closeDescriptor(free);
  });

  test("that is not applied gives back what it reserved and takes what it let go", async () => {
    const [first, second] = [freePort(), freePort()];
    const before = await lab.container(engine, "undecided", [tcp(first)]);
    {
      await using _ = await engine.networks.changePorts("undecided", {
        add: [tcp(second), { ...tcp(first), containerPort: 81 }],
        remove: before.ports,
      });
    }
    expect(engine.networks.sandboxOf("undecided")?.ports).toEqual(before.ports);
    expect(lab.host.sockets.reservePort("tcp", "0.0.0.0", first)).toBeUndefined();
    const free = lab.host.sockets.reservePort("tcp", "0.0.0.0", second);
    expect(free).toBeDefined();
    if (free !== undefined) lab.host.sockets.closeDescriptor(free);
    await engine.networks.closeSandbox("undecided");
  });

  test("names who has the port, and leaves the old ones as they were", async () => {
    const [mine, theirs] = [freePort(), freePort()];
    const before = await lab.container(engine, "mine", [tcp(mine)]);
    await lab.container(engine, "theirs", [tcp(theirs)]);
    const change = {
      add: [{ ...tcp(mine), containerPort: 81 }, tcp(theirs)],
      remove: before.ports,
    };
    expect(await failure(engine.networks.changePorts("mine", change))).toContain(
      'port is already allocated: container "theirs" publishes it',
    );
    expect(lab.host.sockets.reservePort("tcp", "0.0.0.0", mine)).toBeUndefined();
    await engine.networks.closeSandbox("mine");
    await engine.networks.closeSandbox("theirs");
  });
});

describe("a daemon that is killed", () => {
  test("leaves its ports taken, and the next one serves [::1] from the very sockets", async () => {
    const store = new MemoryStore();
    const old = await lab.engine({}, { store, engineId: hex(16) });
    await old.networks.reconcile(new Set());
    const port = freePort();
    const web = await lab.container(old, "kept", [tcp(port)]);
    lab.serveTcp(web.namespacePath, 80);
    await old.crash();
    for (const address of ["0.0.0.0", "::"]) {
      expect(lab.host.sockets.reservePort("tcp", address, port)).toBeUndefined();
    }
    expect(await failure(lab.container(engine, "other", [tcp(port)]))).toContain(
      "address already in use by a socket that no process here has open",
    );
    const gateway = web.endpoints[0]?.gateway;
    expect(await lab.askTcp(undefined, "127.0.0.1", port)).toBe(gateway);
    // taken by nobody yet: it waits in the socket
    const waiting = lab.askTcp(undefined, "::1", port);
    const next = await lab.engine({ bridge: old.bridge }, old);
    await next.networks.reconcile(new Set(["kept"]));
    expect(await waiting).toBe(gateway);
    expect(await lab.askTcp(undefined, "::1", port)).toBe(gateway);
    expect(next.warnings.filter((line) => line.includes("reserved"))).toEqual([]);
    expect(await failure(lab.container(next, "late", [tcp(port)]))).toContain(
      'container "kept" publishes it',
    );
    await next.networks.closeSandbox("kept");
    const free = lab.host.sockets.reservePort("tcp", "0.0.0.0", port);
    expect(free).toBeDefined();
    if (free !== undefined) lab.host.sockets.closeDescriptor(free);
  });

  test("has changed ports: the next one keeps those of the record and lets the others go", async () => {
    const store = new MemoryStore();
    const old = await lab.engine({}, { store, engineId: hex(16) });
    await old.networks.reconcile(new Set());
    const [first, second] = [freePort(), freePort()];
    const before = await lab.container(old, "torn", [tcp(first)]);
    const change = await old.networks.changePorts("torn", {
      add: [tcp(second)],
      remove: before.ports,
    });
    change.record("after"); // killed before it is applied
    await change[Symbol.asyncDispose]();
    await old.crash();
    const next = await lab.engine({ bridge: old.bridge }, old);
    await next.networks.reconcile(new Set(["torn"]));
    expect(lab.host.sockets.reservePort("tcp", "0.0.0.0", second)).toBeUndefined();
    const free = lab.host.sockets.reservePort("tcp", "0.0.0.0", first);
    expect(free).toBeDefined();
    if (free !== undefined) lab.host.sockets.closeDescriptor(free);
    await next.networks.closeSandbox("torn");
  });
});
