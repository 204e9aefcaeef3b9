import { existsSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { parseIp } from "#base/ip.ts";
import type { DnsSettings, NetworkRecord, NetworkRequest, Sandbox } from "#networks/networks.ts";
import { resumeNames } from "#networks/sandboxes/resume-names.ts";
import { Lab, type LabEngine, type Outside } from "#networks/testing/lab.ts";
import { askEmbedded, askRaw, serveNames } from "./testing/dns-lab.ts";
import { question, reply } from "./testing/messages.ts";
import { FLAG, RCODE, TYPE } from "./wire/constants.ts";

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
let outside: Outside;
beforeAll(async () => {
  lab = await Lab.open();
  outside = lab.outside();
  // nobody listens there: what the engines do not know is refused at once, and nothing leaves this machine
  writeFileSync(lab.hostResolvConfPath, `nameserver ${outside.address}\n`);
});
afterAll(() => lab[Symbol.asyncDispose]());

async function open(restart?: LabEngine, alive: readonly string[] = []): Promise<LabEngine> {
  const engine = await lab.engine({}, restart);
  await engine.networks.reconcile(new Set(alive));
  return engine;
}

interface Options {
  readonly dns?: DnsSettings;
  readonly links?: Readonly<Record<string, string>>;
}

async function start(
  { networks }: LabEngine,
  name: string,
  on: readonly NetworkRecord[],
  { dns, links }: Options = {},
): Promise<Sandbox & { readonly path: string }> {
  const attachments = on.map(({ id }) => ({
    networkId: id,
    dnsNames: [name, `${name}-alias`],
    ...(links ? { links } : {}),
  }));
  const request = { containerId: name, containerName: name, mode: { kind: "bridge" } as const };
  const sandbox = await networks.openSandbox(
    { ...request, ports: [], attachments, ...(dns ? { dns } : {}) },
    SIGNAL,
  );
  await networks.connectSandbox(name, SIGNAL);
  return { ...sandbox, path: sandbox.namespacePath ?? "" };
}

const addressOf = (sandbox: Sandbox): string => sandbox.endpoints[0]?.ipAddress ?? "";
const ask = (path: string, name: string, type: number = TYPE.a, transport?: "udp" | "tcp") =>
  askEmbedded(lab.host.internet, path, question(name, { type }), transport);
const dataOf = async (path: string, name: string, type?: number) =>
  (await ask(path, name, type)).data;
const using = (servers: readonly string[], options: readonly string[] = []): Options => ({
  dns: { servers, options },
});

test("containers find each other by every name, in both families, by UDP and TCP, and back", async () => {
  const engine = await open();
  const network = await engine.networks.create({ ...REQUEST, enableIpv6: true });
  const db = await start(engine, "db", [network]);
  const web = await start(engine, "web", [network], { links: { Storage: "db" } });
  for (const name of ["db", "DB-alias", "db.web", "storage", "storage.web"]) {
    expect(await dataOf(web.path, name)).toEqual([addressOf(db)]);
  }
  expect((await ask(web.path, "db", TYPE.a, "tcp")).data).toEqual([addressOf(db)]);
  const [found = ""] = await dataOf(web.path, "db", TYPE.aaaa);
  expect(parseIp(found)).toEqual(parseIp(db.endpoints[0]?.ipv6Address ?? ""));
  const reverse = addressOf(db).split(".").toReversed().join(".");
  expect(await dataOf(web.path, `${reverse}.in-addr.arpa`, TYPE.ptr)).toEqual(["db.web"]);
  const nibbles = found.replaceAll(":", "").split("").toReversed().join(".");
  expect(await dataOf(web.path, `${nibbles}.ip6.arpa`, TYPE.ptr)).toEqual(["db.web"]);
  expect((await ask(db.path, "storage")).rcode).toBe(RCODE.serverFailure);
});

test("a container may serve DNS itself at every address", async () => {
  const engine = await open();
  const network = await engine.networks.create(REQUEST);
  const own = await start(engine, "own", [network]);
  const other = await start(engine, "other", [network]);
  using _server = await serveNames(
    lab.host.internet,
    { namespacePath: own.path, address: "0.0.0.0" },
    (asked) => reply(asked, { addresses: ["192.0.2.53"] }),
  );
  expect(await dataOf(own.path, "other")).toEqual([addressOf(other)]);
  const asking = start(engine, "asking", [network], using([addressOf(own)]));
  expect(await dataOf((await asking).path, "example.org")).toEqual(["192.0.2.53"]);
});

test("names of other networks are nobody's until the container comes to one, and again when it leaves", async () => {
  const engine = await open();
  const web = await engine.networks.create(REQUEST);
  const back = await engine.networks.create({ ...REQUEST, name: "back" });
  const one = await start(engine, "one", [web]);
  const db = await start(engine, "db", [back]);
  const code = async (name: string) => (await ask(one.path, name)).rcode;
  for (const name of ["db", "db.back"]) expect(await code(name)).toBe(RCODE.serverFailure);
  await using joined = await engine.networks.connect("one", {
    networkId: back.id,
    dnsNames: ["uno"],
  });
  await joined.apply();
  expect(await dataOf(one.path, "db.back")).toEqual([addressOf(db)]);
  expect(await dataOf(db.path, "uno")).toEqual([joined.endpoint.ipAddress]);
  engine.networks.renameEndpoint("one", back.id, ["eins"]);
  expect(await dataOf(db.path, "eins")).toEqual([joined.endpoint.ipAddress]);
  expect((await ask(db.path, "uno")).rcode).toBe(RCODE.serverFailure);
  await using left = await engine.networks.disconnect("one", back.id);
  await left?.apply();
  expect(await code("db")).toBe(RCODE.serverFailure);
  expect((await ask(db.path, "eins")).rcode).toBe(RCODE.serverFailure);
});

test("a container of the default network has no server until it comes to another", async () => {
  const engine = await open();
  const web = await engine.networks.create(REQUEST);
  const plain = await lab.container(engine, "plain");
  const path = plain.namespacePath ?? "";
  expect(lab.host.localPorts.ledTo(path, { port: 53 })).toBeUndefined();
  await using joined = await engine.networks.connect("plain", {
    networkId: web.id,
    dnsNames: ["plain"],
  });
  await joined.apply();
  expect(await dataOf(path, "plain")).toEqual([joined.endpoint.ipAddress]);
});

test("what it does not know it asks the host's servers, also when their file changes", async () => {
  const engine = await open();
  const network = await engine.networks.create(REQUEST);
  const inner = await engine.networks.create({ ...REQUEST, name: "inner", internal: true });
  using server = await serveNames(lab.host.internet, outside, (asked) =>
    reply(asked, { addresses: ["192.0.2.1"] }),
  );
  const web = await start(engine, "web", [network]);
  const closed = await start(engine, "closed", [inner]);
  writeFileSync(lab.hostResolvConfPath, `nameserver ${outside.hostAddress}\n`);
  await ask(closed.path, "example.org");
  writeFileSync(lab.hostResolvConfPath, `nameserver ${outside.address}\n`);
  // looked at once a second
  while ((await dataOf(web.path, "example.org")).length === 0);
  expect(await dataOf(web.path, "example.org")).toEqual(["192.0.2.1"]);
  expect((await ask(web.path, "example.org", TYPE.a, "tcp")).data).toEqual(["192.0.2.1"]);
  expect(server.asked.at(-1)).toBe("tcp");
  expect((await ask(closed.path, "example.org")).rcode).toBe(RCODE.serverFailure);
  const hasNdots = await start(engine, "ndots", [network], using([], ["ndots:2"]));
  expect(await ask(hasNdots.path, "short")).toMatchObject({ rcode: RCODE.noError, data: [] });
  expect(await dataOf(hasNdots.path, "example.org")).toEqual(["192.0.2.1"]);
});

test("servers of the user's are asked from the container, of another when one drops or refuses", async () => {
  const engine = await open();
  const network = await engine.networks.create(REQUEST);
  const dropping = await start(engine, "dropping", [network]);
  const refusing = await start(engine, "refusing", [network]);
  const servers = [addressOf(refusing), addressOf(dropping), "::1"];
  const asking = await start(engine, "asking", [network], using(servers));
  using silent = await serveNames(
    lab.host.internet,
    { namespacePath: dropping.path, address: "0.0.0.0" },
    () => undefined,
  );
  // the container's own loopback, and IPv6
  using _good = await serveNames(
    lab.host.internet,
    { namespacePath: asking.path, address: "::1" },
    (asked) => reply(asked, { addresses: ["192.0.2.6"] }),
  );
  expect(await dataOf(asking.path, "example.org")).toEqual(["192.0.2.6"]);
  expect(await dataOf(asking.path, "example.org")).toEqual(["192.0.2.6"]);
  expect(silent.asked).toEqual(["udp"]);
});

test("an answer that does not fit comes whole by TCP", async () => {
  const engine = await open();
  const network = await engine.networks.create(REQUEST);
  const serving = await start(engine, "serving", [network]);
  const many = Array.from({ length: 3000 }, (_, index) => `10.1.${index >> 8}.${index & 255}`);
  using _server = await serveNames(
    lab.host.internet,
    { namespacePath: serving.path, address: addressOf(serving) },
    (asked, transport) =>
      transport === "udp"
        ? reply(asked, { flags: FLAG.truncated })
        : reply(asked, { addresses: many }),
  );
  const asking = await start(engine, "asking", [network], using([addressOf(serving)]));
  expect((await ask(asking.path, "many.example.org")).isTruncated).toBe(true);
  expect((await ask(asking.path, "many.example.org", TYPE.a, "tcp")).data).toEqual(many);
});

test("an answer from another port than the server's is nobody's", async () => {
  const engine = await open();
  const network = await engine.networks.create(REQUEST);
  const serving = await start(engine, "serving", [network]);
  const place = { namespacePath: serving.path, address: addressOf(serving) };
  const { internet } = lab.host;
  using liar = await internet.listenUdp(
    { ...place, port: 0, receiveBufferBytes: 1 << 18 },
    () => {},
  );
  using honest = await internet.listenUdp(
    { ...place, port: 53, receiveBufferBytes: 1 << 18 },
    (asked, port, address) => {
      liar.send(reply(asked, { addresses: ["6.6.6.6"] }), port, address);
      honest.send(reply(asked, { addresses: ["192.0.2.1"] }), port, address);
    },
  );
  const asking = await start(engine, "asking", [network], using([addressOf(serving)]));
  expect(await dataOf(asking.path, "example.org")).toEqual(["192.0.2.1"]);
});

test("the next daemon answers where the one before did, and a namespace goes with a question that is out", async () => {
  const engine = await open();
  const network = await engine.networks.create(REQUEST);
  const db = await start(engine, "db", [network]);
  const web = await start(engine, "web", [network], using([addressOf(db)]));
  using silent = await serveNames(
    lab.host.internet,
    { namespacePath: db.path, address: "0.0.0.0" },
    () => undefined,
  );
  const led = lab.host.localPorts.ledTo(web.path, { port: 53 });
  await engine.crash();
  const next = await open(engine, ["db", "web"]);
  expect(await dataOf(web.path, "db")).toEqual([addressOf(db)]);
  expect(lab.host.localPorts.ledTo(web.path, { port: 53 })).toEqual(led);
  const waiting = askRaw(lab.host.internet, web.path, question("example.org"));
  waiting.catch(() => undefined);
  // the question before was read before this one is answered
  await dataOf(web.path, "db");
  await next.networks.closeSandbox("web");
  silent[Symbol.dispose]();
  await next.networks.closeSandbox("db");
  expect(await next.networks.audit()).toEqual([]);
  expect(next.warnings).toEqual([]);
});

test("resumeNames() gives names back by records alone, and who is dead goes with the rest", async () => {
  const engine = await open();
  const network = await engine.networks.create(REQUEST);
  const db = await start(engine, "db", [network]);
  const web = await start(engine, "web", [network]);
  const dead = await start(engine, "dead", [network]);
  await engine.crash();
  lab.host.namespaces.removeNetwork(dead.path);
  const nameServers = lab.nameServers();
  await resumeNames({ store: engine.store, nameServers, localPorts: lab.host.localPorts });
  expect(await dataOf(web.path, "db")).toEqual([addressOf(db)]);
  const next = await lab.engine({}, engine, { nameServers });
  await next.networks.reconcile(new Set(["web"]));
  expect(existsSync(db.path)).toBe(false);
  expect((await ask(web.path, "db")).data).toEqual([]);
  expect(await dataOf(web.path, "web")).toEqual([addressOf(web)]);
  await next.networks.closeSandbox("web");
  expect(await next.networks.audit()).toEqual([]);
  await next.networks.remove(network.id);
});

test("bytes of any kind stop nothing", async () => {
  const engine = await open();
  const network = await engine.networks.create(REQUEST);
  const web = await start(engine, "web", [network]);
  const place = { namespacePath: web.path, address: "127.0.0.11", port: 53 };
  const nothing = { onDatagram: () => {}, onRefused: () => {}, onData: () => {}, onEnd: () => {} };
  using connection = await lab.host.internet.connectUdp(place, nothing);
  for (const size of [0, 1, 11, 12, 13, 512, 60_000]) {
    connection.send(Buffer.alloc(size, 0xc0));
    connection.send(Buffer.alloc(size));
  }
  using stream = await lab.host.internet.connectTcp(place, nothing, SIGNAL);
  await stream.write(Buffer.alloc(3000, 0xff));
  expect(await dataOf(web.path, "web")).toEqual([addressOf(web)]);
  expect((await ask(web.path, "web", TYPE.a, "tcp")).data).toEqual([addressOf(web)]);
});
