// A daemon is killed after each single action of what it does to a network or a container on it; the next one puts
// everything right, for every driver.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { randomInt } from "node:crypto";
import { MemoryStore } from "#store/memory/store.ts";
import type { NetworkRequest } from "./networks.ts";
import { Lab, type LabEngine } from "./testing/lab.ts";
import { Mortal } from "./testing/mortal.ts";
import { TestNetworkPlugin } from "./testing/network-plugin.ts";

const SIGNAL = new AbortController().signal;
const DRIVERS = ["bridge", "macvlan", "plug"] as const;
const VERBS = ["create", "start", "connect", "disconnect", "close", "remove"] as const;

type Verb = (typeof VERBS)[number];

function request(driver: string): NetworkRequest {
  return {
    name: "web",
    driver,
    internal: false,
    attachable: false,
    enableIpv4: true,
    enableIpv6: false,
    labels: {},
    options: {},
    pools: [],
    ipamDriver: driver === "plug" ? "plug" : "",
    ipamOptions: {},
    configOnly: false,
    configFrom: "",
  };
}

let lab: Lab;
beforeEach(async () => {
  lab = await Lab.open();
});
afterEach(() => lab[Symbol.asyncDispose]());

const networkOf = ({ networks }: LabEngine) => networks.list().find(({ name }) => name === "web");

async function open(engine: LabEngine, names: readonly string[]): Promise<void> {
  const attachments = names.map((name) => ({
    networkId: engine.networks.resolve(name).id,
    dnsNames: ["c1"],
  }));
  const sandbox = { containerId: "c1", mode: { kind: "bridge" }, ports: [], attachments } as const;
  await engine.networks.openSandbox(sandbox, SIGNAL);
  await engine.networks.connectSandbox("c1", SIGNAL);
}

/** What there is before the verb. */
async function prepare(engine: LabEngine, verb: Verb, driver: string): Promise<void> {
  if (verb !== "create") await engine.networks.create(request(driver));
  if (verb === "connect") await open(engine, ["bridge"]);
  if (verb === "disconnect" || verb === "close") await open(engine, ["bridge", "web"]);
}

async function act(engine: LabEngine, verb: Verb, driver: string): Promise<void> {
  const { networks } = engine;
  const id = networkOf(engine)?.id;
  switch (verb) {
    case "create":
      await networks.create(request(driver));
      return;
    case "start":
      return await open(engine, ["web"]);
    case "connect": {
      if (!id) return;
      await using change = await networks.connect("c1", { networkId: id, dnsNames: ["c1"] });
      change.record("after");
      await change.apply();
      return;
    }
    case "disconnect": {
      if (!id) return;
      await using change = networks.disconnect("c1", id);
      change?.record("after");
      await change?.apply();
      return;
    }
    case "close":
      return await networks.closeSandbox("c1");
    case "remove":
      if (id) await networks.remove(id);
      return;
  }
}

/** @returns Whether the daemon had done it all before it was killed. */
async function killedAfter(actions: number, verb: Verb, driver: string): Promise<boolean> {
  const mortal = new Mortal();
  const memory = new MemoryStore();
  const parts = { host: mortal.host(lab.host), store: mortal.store(memory) };
  const engine = await lab.engine({}, undefined, parts);
  await engine.networks.reconcile(new Set());
  await prepare(engine, verb, driver);
  mortal.left = actions;
  await act(engine, verb, driver).catch((error: unknown) => {
    if (!mortal.isDead) throw error;
  });
  const isWhole = !mortal.isDead;
  mortal.left = -1; // whatever else it tries
  await engine.crash();

  process.stdout.write(`${driver}: ${verb}, killed after ${actions} actions\n`);
  const isLive = verb === "connect" || verb === "disconnect";
  const next = await lab.engine({}, { store: memory, engineId: engine.engineId });
  await next.networks.reconcile(new Set(isLive ? ["c1"] : []));
  await expectSound(next, isLive);
  await next.networks.closeSandbox("c1");
  const network = networkOf(next);
  if (network) await next.networks.remove(network.id);
  expect(await next.networks.audit()).toEqual([]);
  expect(await devicesAtLast(next)).toEqual([next.bridge]);
  mortal.left = Number.POSITIVE_INFINITY;
  return isWhole;
}

/** Names of the engine's devices, once those that it lets go are gone: that takes the kernel a moment. */
async function devicesAtLast(engine: LabEngine): Promise<readonly string[]> {
  const giveUpMs = performance.now() + 5000;
  for (;;) {
    const own = lab.host.netlink
      .links()
      .filter(({ alias }) => alias === `wharf:${engine.engineId}`)
      .map(({ name }) => name);
    if (own.length <= 1 || performance.now() > giveUpMs) return own;
    await lab.host.clock.delay(10);
  }
}

/** Record and kernel agree: what the one has the other has. */
async function expectSound(engine: LabEngine, isLive: boolean): Promise<void> {
  expect(await engine.networks.audit()).toEqual([]);
  const sandbox = engine.networks.sandboxOf("c1");
  expect(sandbox !== undefined).toBe(isLive);
  if (!sandbox?.namespacePath) return;
  const links = lab.host.netlink.links(sandbox.namespacePath).filter(({ name }) => name !== "lo");
  expect(links).toHaveLength(sandbox.endpoints.length);
  const addresses = lab.host.netlink.addresses(sandbox.namespacePath).map(({ cidr }) => cidr);
  for (const { ipAddress, prefixLength } of sandbox.endpoints) {
    expect(addresses).toContain(`${ipAddress}/${prefixLength}`);
  }
  for (const link of links) expect(link.isUp).toBe(true);
}

for (const driver of DRIVERS) {
  test.each(VERBS)(
    `${driver}: a daemon killed at any step of %s leaves nothing that the next one does not put right`,
    async (verb) => {
      if (driver === "plug") {
        const plugin = lab.use(new TestNetworkPlugin(lab.pluginFolder, "plug"));
        await plugin.start();
      }
      let actions = 0;
      while (!(await killedAfter(actions, verb, driver))) {
        actions += process.env["WHARF_TEST_LONG"] ? 1 : 1 + randomInt(4);
      }
      expect(actions).toBeGreaterThan(0);
    },
    120_000,
  );
}
