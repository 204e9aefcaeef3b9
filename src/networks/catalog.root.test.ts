import { afterAll, beforeAll, expect, test } from "bun:test";
import { NETWORKS } from "./records.ts";
import type { NetworkRecord, NetworkRequest } from "./networks.ts";
import { Lab, type LabEngine } from "./testing/lab.ts";

const REQUEST: NetworkRequest = {
  name: "web",
  driver: "bridge",
  internal: false,
  attachable: false,
  enableIpv4: true,
  enableIpv6: false,
  labels: {},
  options: {},
  pools: [],
  ipamDriver: "",
  ipamOptions: {},
  configOnly: false,
  configFrom: "",
};
const SIGNAL = new AbortController().signal;

let lab: Lab;
beforeAll(async () => {
  lab = await Lab.open();
});
afterAll(() => lab[Symbol.asyncDispose]());

const bridgeOf = ({ id }: NetworkRecord): string => `br-${id.slice(0, 12)}`;

async function open(restart?: LabEngine): Promise<LabEngine> {
  const engine = await lab.engine({}, restart);
  await engine.networks.reconcile(new Set());
  return engine;
}

test.each(["create", "remove"] as const)(
  "a daemon killed in the middle of a %s leaves a network that the next one takes away",
  async (intent) => {
    const engine = await open();
    const network = await engine.networks.create(REQUEST);
    expect(lab.host.netlink.link(bridgeOf(network))).toBeDefined();
    engine.store.collection(NETWORKS).put(network.id, { ...network, intent });
    await engine.crash();
    const next = await open(engine);
    expect(lab.host.netlink.link(bridgeOf(network))).toBeUndefined();
    expect(next.networks.list().map(({ name }) => name)).toEqual(["bridge", "host", "none"]);
    expect(await next.networks.audit()).toEqual([]);
    expect((await next.networks.create(REQUEST)).name).toBe("web");
  },
);

test("a daemon killed between the record of a connection and its making: the next one makes it", async () => {
  const engine = await open();
  const network = await engine.networks.create(REQUEST);
  const sandbox = await lab.container(engine, "c1");
  const change = await engine.networks.connect("c1", { networkId: network.id, dnsNames: ["c1"] });
  change.record("after");
  await engine.crash();
  const next = await lab.engine({}, engine);
  await next.networks.reconcile(new Set(["c1"]));
  const links = lab.host.netlink.links(sandbox.namespacePath).map(({ name }) => name);
  expect(links).toContain("eth1");
  expect(next.networks.endpointsOf(network.id)).toHaveLength(1);
  expect(await next.networks.audit()).toEqual([]);
  expect(next.networks.remove(network.id)).rejects.toThrow(/has active endpoints \(name:"c1"/);
  await next.networks.closeSandbox("c1");
  await next.networks.remove(network.id);
});

test("rules of many networks are one transaction each, and leave with them", async () => {
  const engine = await open();
  const made = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      engine.networks.create({ ...REQUEST, name: `n${index}`, internal: index % 2 === 0 }),
    ),
  );
  expect(await engine.networks.audit()).toEqual([]);
  await Promise.all(made.map(({ id }) => engine.networks.remove(id)));
  expect(await engine.networks.audit()).toEqual([]);
  for (const network of made) {
    expect(lab.host.netlink.link(bridgeOf(network))).toBeUndefined();
  }
});

test("a start fails whole where one of several networks has no address left", async () => {
  const engine = await open();
  const pools = [{ subnet: "198.51.100.0/30", gateway: "", ipRange: "", auxiliary: {} }];
  const small = await engine.networks.create({ ...REQUEST, name: "small", pools });
  const web = await engine.networks.create(REQUEST);
  const start = (containerId: string) =>
    engine.networks.openSandbox(
      {
        containerId,
        mode: { kind: "bridge" },
        ports: [],
        attachments: [web, small].map(({ id }) => ({ networkId: id, dnsNames: [] })),
      },
      SIGNAL,
    );
  const first = await start("c1");
  expect(start("c2")).rejects.toThrow("no available IPv4 addresses");
  expect(engine.networks.sandboxOf("c2")).toBeUndefined();
  await engine.networks.closeSandbox("c1");
  const again = await start("c3");
  expect(again.endpoints.map(({ ipAddress }) => ipAddress)).toEqual(
    first.endpoints.map(({ ipAddress }) => ipAddress),
  );
  await engine.networks.closeSandbox("c3");
});
