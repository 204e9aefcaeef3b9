import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Sandbox } from "./networks.ts";
import { Lab, type LabEngine, type Outside, SILENCE_MS } from "./testing/lab.ts";

const TCP = { protocol: "tcp", containerPort: 80, hostPort: 0 } as const;
const UDP = { protocol: "udp", containerPort: 53, hostPort: 0 } as const;

let lab: Lab;
let engine: LabEngine;
let outside: Outside;
let web: Sandbox;
let other: Sandbox;
let tcpPort = 0;
let udpPort = 0;
let address = "";
let gateway = "";

beforeAll(async () => {
  lab = await Lab.open();
  engine = await lab.engine();
  await engine.networks.reconcile(new Set());
  outside = lab.outside();
  web = await lab.container(engine, "web", [TCP, UDP, { ...TCP, hostAddress: "127.0.0.1" }]);
  other = await lab.container(engine, "other");
  tcpPort = web.ports.find(({ protocol }) => protocol === "tcp")?.hostPort ?? 0;
  udpPort = web.ports.find(({ protocol }) => protocol === "udp")?.hostPort ?? 0;
  address = web.endpoints[0]?.ipAddress ?? "";
  gateway = web.endpoints[0]?.gateway ?? "";
  lab.serveTcp(web.namespacePath, 80);
  lab.serveTcp(web.namespacePath, 81);
  await lab.serveUdp(web.namespacePath, 53);
});
afterAll(() => lab[Symbol.asyncDispose]());

describe("a published TCP port", () => {
  test("is reached from outside, with the client's own address", async () => {
    expect(await lab.askTcp(outside.namespacePath, outside.hostAddress, tcpPort)).toBe(
      outside.address,
    );
  });

  test("is reached from the host by 127.0.0.1, ::1 and its own addresses", async () => {
    expect(await lab.askTcp(undefined, "127.0.0.1", tcpPort)).toBe(gateway);
    expect(await lab.askTcp(undefined, "::1", tcpPort)).toBe(gateway);
    expect(await lab.askTcp(undefined, gateway, tcpPort)).toBe(gateway);
    expect(await lab.askTcp(undefined, outside.hostAddress, tcpPort)).toBe(outside.hostAddress);
  });

  test("is reached from a neighbour and from the container itself, by any address of the host", async () => {
    for (const from of [other, web]) {
      expect(await lab.askTcp(from.namespacePath, gateway, tcpPort)).toBe(gateway);
      expect(await lab.askTcp(from.namespacePath, outside.hostAddress, tcpPort)).toBe(gateway);
    }
  });

  test("bound to 127.0.0.1 is the host's alone, also when outside sends to 127.0.0.1", async () => {
    const local = web.ports.find(({ hostAddress }) => hostAddress === "127.0.0.1")?.hostPort ?? 0;
    const attacker = lab.outside();
    expect(await lab.askTcp(undefined, "127.0.0.1", local)).toBe(gateway);
    expect(await lab.askTcp(undefined, gateway, local, SILENCE_MS)).toBeUndefined();
    expect(
      await lab.askTcp(attacker.namespacePath, attacker.hostAddress, local, SILENCE_MS),
    ).toBeUndefined();
    lab.sendLoopbackTo(attacker.namespacePath, attacker.hostAddress);
    expect(await lab.askTcp(attacker.namespacePath, attacker.hostAddress, tcpPort)).toBe(
      attacker.address,
    );
    expect(
      await lab.askTcp(attacker.namespacePath, "127.0.0.1", local, SILENCE_MS),
    ).toBeUndefined();
    expect(
      await lab.askTcp(attacker.namespacePath, "127.0.0.1", tcpPort, SILENCE_MS),
    ).toBeUndefined();
  });
});

describe("a published UDP port", () => {
  test("is reached from outside, the host, a neighbour and itself", async () => {
    expect(await lab.askUdp(outside.namespacePath, outside.hostAddress, udpPort)).toBe(
      outside.address,
    );
    expect(await lab.askUdp(undefined, "127.0.0.1", udpPort)).toBe(gateway);
    expect(await lab.askUdp(undefined, "::1", udpPort)).toBe(gateway);
    expect(await lab.askUdp(other.namespacePath, outside.hostAddress, udpPort)).toBe(gateway);
    expect(await lab.askUdp(web.namespacePath, outside.hostAddress, udpPort)).toBe(gateway);
  });
});

describe("a container", () => {
  test("reaches its neighbour and, behind the host's address, machines outside", async () => {
    const own = other.endpoints[0]?.ipAddress;
    expect(await lab.askTcp(other.namespacePath, address, 80)).toBe(own);
    lab.serveTcp(outside.namespacePath, 8000);
    expect(await lab.askTcp(other.namespacePath, outside.address, 8000)).toBe(outside.hostAddress);
  });

  test("is not reached from outside by its own address, published port or not", async () => {
    expect(await lab.askTcp(outside.namespacePath, address, 81, SILENCE_MS)).toBeUndefined();
    expect(await lab.askTcp(outside.namespacePath, address, 80, SILENCE_MS)).toBeUndefined();
  });

  test("is reached from the host by its own address", async () => {
    expect(await lab.askTcp(undefined, address, 81)).toBe(gateway);
  });

  test("does not reach what listens on the host's 127.0.0.1, though the bridge routes replies there", async () => {
    const port = lab.serveTcp(undefined, 0, "127.0.0.1");
    const attacker = await lab.container(engine, "attacker");
    lab.sendLoopbackTo(attacker.namespacePath ?? "", gateway);
    expect(await lab.askTcp(undefined, "127.0.0.1", port)).toBe("127.0.0.1");
    expect(await lab.askTcp(attacker.namespacePath, "127.0.0.1", port, SILENCE_MS)).toBeUndefined();
  });

  test("counts its traffic", () => {
    const counters = engine.networks.counters("web")["eth0"];
    expect(counters?.rxPackets).toBeGreaterThan(10);
    expect(counters?.txBytes).toBeGreaterThan(500);
  });
});

test("--icc=false keeps neighbours apart; the way out and published ports stay", async () => {
  const strict = await lab.engine({ interContainer: false });
  await strict.networks.reconcile(new Set());
  const a = await lab.container(strict, "a", [TCP]);
  const b = await lab.container(strict, "b");
  lab.serveTcp(a.namespacePath, 80);
  expect(
    await lab.askTcp(b.namespacePath, a.endpoints[0]?.ipAddress ?? "", 80, SILENCE_MS),
  ).toBeUndefined();
  expect(await lab.askTcp(undefined, "127.0.0.1", a.ports[0]?.hostPort ?? 0)).toBe(
    a.endpoints[0]?.gateway,
  );
  lab.serveTcp(outside.namespacePath, 8001);
  expect(await lab.askTcp(b.namespacePath, outside.address, 8001)).toBe(outside.hostAddress);
});

describe("connections that the kernel remembers", () => {
  test("a UDP client that sent before the port was published is served once it is", async () => {
    const port = 21_000 + Math.floor(Math.random() * 9000);
    const client = await lab.udpClient(outside.namespacePath, outside.hostAddress, port);
    expect(await client.ask(SILENCE_MS)).toBeUndefined();
    const late = await lab.container(engine, "late", [
      { protocol: "udp", containerPort: 53, hostPort: { first: port, last: port } },
    ]);
    await lab.serveUdp(late.namespacePath, 53);
    expect(await client.ask()).toBe(outside.address);
    await engine.networks.closeSandbox("late");
  });

  test("a UDP client follows its port from one container to the next", async () => {
    const port = 21_000 + Math.floor(Math.random() * 9000);
    const ports = [
      { protocol: "udp", containerPort: 53, hostPort: { first: port, last: port } },
    ] as const;
    const first = await lab.container(engine, "first", ports);
    await lab.serveUdp(first.namespacePath, 53);
    const client = await lab.udpClient(outside.namespacePath, outside.hostAddress, port);
    expect(await client.ask()).toBe(outside.address);
    await engine.networks.closeSandbox("first");
    await lab.container(engine, "filler"); // takes the address of the first
    const second = await lab.container(engine, "second", ports);
    await lab.serveUdp(second.namespacePath, 53);
    expect(await client.ask()).toBe(outside.address);
  });
});
