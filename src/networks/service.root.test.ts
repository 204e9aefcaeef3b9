import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ConflictError } from "#base/errors.ts";
import { hex, Lab, type LabEngine } from "./testing/lab.ts";

const TCP = { protocol: "tcp", containerPort: 80, hostPort: 0 } as const;

let lab: Lab;
beforeEach(async () => {
  lab = await Lab.open();
});
afterEach(() => lab[Symbol.asyncDispose]());

async function started(...args: Parameters<Lab["engine"]>): Promise<LabEngine> {
  const engine = await lab.engine(...args);
  await engine.networks.reconcile(new Set());
  return engine;
}

/** Names of all devices that carry the engine's alias. */
function devicesOf(engine: LabEngine): string[] {
  return lab.host.netlink
    .links()
    .filter(({ alias }) => alias === `wharf:${engine.engineId}`)
    .map(({ name }) => name)
    .toSorted();
}

async function hasTable(engine: LabEngine): Promise<boolean> {
  return (await lab.host.nft.list({ family: "inet", name: engine.table })) !== undefined;
}

function pinsOf(engine: LabEngine): string[] {
  return readdirSync(join(lab.directory, engine.engineId, "netns"));
}

describe("openSandbox()", () => {
  test("with bridge gives an address, a MAC made of it, a route and no IPv6", async () => {
    const engine = await started();
    const { endpoints, namespacePath } = await lab.container(engine, "c1");
    const [endpoint] = endpoints;
    expect(endpoint?.ipAddress).toEndWith(".2");
    expect(endpoint?.macAddress).toStartWith("02:42:");
    const link = lab.host.netlink.link("eth0", namespacePath);
    expect([link?.macAddress, link?.mtuBytes, link?.isUp]).toEqual([
      endpoint?.macAddress,
      1500,
      true,
    ]);
    const global = lab.host.netlink
      .addresses(namespacePath)
      .filter(({ linkIndex }) => linkIndex === link?.index);
    expect(global.map(({ cidr }) => cidr)).toEqual([
      `${endpoint?.ipAddress}/${endpoint?.prefixLength}`,
    ]);
    expect(
      lab.host.netlink.routes(namespacePath).find(({ destination }) => destination === "default")
        ?.gateway,
    ).toBe(endpoint?.gateway ?? "");
  });

  test("takes a MAC address and refuses a bad one, leaving nothing", async () => {
    const engine = await started();
    const request = { containerId: "c1", mode: { kind: "bridge" }, ports: [] } as const;
    const signal = new AbortController().signal;
    expect(
      engine.networks.openSandbox({ ...request, macAddress: "ff:ff:ff:ff:ff:ff" }, signal),
    ).rejects.toThrow("invalid MAC address");
    const sandbox = await engine.networks.openSandbox(
      { ...request, macAddress: "92-D0-C6-0A-29-33" },
      signal,
    );
    await engine.networks.connectSandbox("c1", signal);
    expect(lab.host.netlink.link("eth0", sandbox.namespacePath)?.macAddress).toBe(
      "92:d0:c6:0a:29:33",
    );
  });

  test("with none has lo alone, with host no namespace, with container the other's", async () => {
    const engine = await started();
    const none = await lab.container(engine, "c1", [], { kind: "none" });
    expect(
      lab.host.netlink.links(none.namespacePath).map(({ name, isUp }) => [name, isUp]),
    ).toEqual([["lo", true]]);
    expect(engine.networks.counters("c1")).toEqual({});
    const host = await lab.container(engine, "c2", [TCP], { kind: "host" });
    expect([host.namespacePath, host.ports]).toEqual([undefined, []]);
    const { id } = engine.networks.resolve("host");
    expect(engine.networks.endpointsOf(id).map(({ containerId }) => containerId)).toEqual(["c2"]);
    const joined = await lab.container(engine, "c3", [], { kind: "container", containerId: "c1" });
    expect(joined.namespacePath).toBe(none.namespacePath ?? "");
    await engine.networks.closeSandbox("c3");
    expect(existsSync(none.namespacePath ?? "")).toBe(true);
    expect(
      lab.container(engine, "c4", [], { kind: "container", containerId: "gone" }),
    ).rejects.toThrow("cannot join network namespace of a non running container");
  });

  test("twice for one container is refused", async () => {
    const engine = await started();
    const first = lab.container(engine, "c1");
    expect(lab.container(engine, "c1")).rejects.toThrow(ConflictError);
    await first;
    expect(lab.container(engine, "c1")).rejects.toThrow(ConflictError);
  });

  test("that is aborted, or fails half way, leaves nothing", async () => {
    const engine = await started();
    const abort = new AbortController();
    const request = { containerId: "c1", mode: { kind: "bridge" }, ports: [TCP] } as const;
    const opening = engine.networks.openSandbox(request, abort.signal);
    abort.abort();
    expect(opening).rejects.toThrow();
    await opening.catch(() => undefined);
    lab.host.netlink.apply([{ kind: "delete-link", name: engine.bridge }]);
    await expect(lab.container(engine, "c1")).rejects.toThrow("there is no link");
    expect(pinsOf(engine)).toEqual([]);
    expect(engine.store.collection({ name: "sandboxes", version: 1 }).count()).toBe(0);
    await engine.networks.reconcile(new Set());
    expect((await lab.container(engine, "c1")).endpoints[0]?.ipAddress).toEndWith(".2");
  });

  test("puts the table back when somebody flushed it", async () => {
    const engine = await started();
    const first = await lab.container(engine, "c1", [TCP]);
    await lab.host.nft.run(`delete table inet ${engine.table}`);
    lab.serveTcp(first.namespacePath, 80);
    await lab.container(engine, "c2", [TCP]);
    expect(await lab.askTcp(undefined, "127.0.0.1", first.ports[0]?.hostPort ?? 0)).toBeString();
  });
});

describe("closeSandbox()", () => {
  test("frees the address at once and the devices soon; twice is no error", async () => {
    const engine = await started();
    const { namespacePath } = await lab.container(engine, "c1", [TCP]);
    await Promise.all([engine.networks.closeSandbox("c1"), engine.networks.closeSandbox("c1")]);
    await engine.networks.closeSandbox("c1");
    expect(existsSync(namespacePath ?? "")).toBe(false);
    const again = await lab.container(engine, "c2");
    expect(again.endpoints[0]?.ipAddress).toEndWith(".2");
    lab.serveTcp(again.namespacePath, 80);
    expect(await lab.askTcp(undefined, again.endpoints[0]?.ipAddress ?? "", 80)).toBeString();
  });

  test("takes the device from those who joined the namespace", async () => {
    const engine = await started();
    const { namespacePath } = await lab.container(engine, "c1");
    lab.serveTcp(namespacePath, 80); // a process of the joined container: it holds the namespace
    await lab.container(engine, "c2", [], { kind: "container", containerId: "c1" });
    await engine.networks.closeSandbox("c1");
    expect(devicesOf(engine)).toEqual([engine.bridge]);
    await engine.networks.closeSandbox("c2");
  });
});

describe("reconcile()", () => {
  test("keeps the sandboxes of live containers and removes the others, and nothing else", async () => {
    const before = await started();
    const bystander = await started();
    await lab.container(bystander, "b1", [TCP]);
    const port = 20_000 + Math.floor(Math.random() * 10_000); // no engine takes one of these by itself
    const live = await lab.container(before, "live", [
      { ...TCP, hostPort: { first: port, last: port } },
    ]);
    await lab.container(before, "dead", [TCP]);
    await lab.container(before, "joined", [], { kind: "container", containerId: "dead" });
    lab.serveTcp(live.namespacePath, 80);
    await before.crash();
    await lab.host.nft.run(`delete table inet ${before.table}`);

    const after = await lab.engine({}, before);
    await after.networks.reconcile(new Set(["live"]));
    expect(after.warnings).toEqual([]);
    expect(after.networks.sandboxOf("live")).toEqual(live);
    expect(after.networks.sandboxOf("dead")).toBeUndefined();
    expect(after.networks.sandboxOf("joined")).toBeUndefined();
    expect(pinsOf(after)).toHaveLength(1);
    expect(lab.host.sockets.reservePort("tcp", "0.0.0.0", port)).toBeUndefined();
    expect(await lab.askTcp(undefined, "127.0.0.1", port)).toBeString();
    expect(await lab.askTcp(undefined, "::1", port)).toBeString();
    expect((await lab.container(after, "new")).endpoints[0]?.ipAddress).toEndWith(".3");
    expect(devicesOf(bystander)).toHaveLength(2);
    expect(await hasTable(bystander)).toBe(true);
  });

  test("removes devices and pins of its own that no record names", async () => {
    const engine = await started();
    await lab.container(engine, "c1");
    const records = engine.store.collection({ name: "sandboxes", version: 1 });
    records.delete("c1"); // as if the record had not reached the disk
    await engine.crash();
    const after = await lab.engine({}, engine);
    await after.networks.reconcile(new Set());
    expect(devicesOf(after)).toEqual([after.bridge]);
    expect(pinsOf(after)).toEqual([]);
  });

  test("after a reboot makes the same network again, with the same id and subnet", async () => {
    const before = await started();
    const live = await lab.container(before, "c1", [TCP]);
    await before.networks.teardown();
    await before.crash();
    before.store.collection({ name: "sandboxes", version: 1 }).put("c1", live);
    const after = await started({}, before);
    expect(after.networks.list()).toEqual(before.networks.list());
    expect(after.networks.sandboxOf("c1")).toBeUndefined();
    expect((await lab.container(after, "c1")).endpoints[0]?.ipAddress).toBe(
      live.endpoints[0]?.ipAddress ?? "",
    );
  });

  test("puts live containers back on a bridge that was deleted", async () => {
    const engine = await started();
    const sandbox = await lab.container(engine, "c1");
    lab.serveTcp(sandbox.namespacePath, 80);
    lab.host.netlink.apply([{ kind: "delete-link", name: engine.bridge }]);
    await engine.networks.reconcile(new Set(["c1"]));
    const address = sandbox.endpoints[0]?.ipAddress ?? "";
    // the first packets after the device came back may be lost
    expect(await lab.askTcp(undefined, address, 80, 10_000)).toBeString();
  });
});

describe("teardown()", () => {
  test("leaves no device, pin or table", async () => {
    const engine = await started();
    await lab.container(engine, "c1", [TCP]);
    await lab.container(engine, "c2", [], { kind: "none" });
    await engine.networks.teardown();
    expect(devicesOf(engine)).toEqual([]);
    expect(pinsOf(engine)).toEqual([]);
    expect(await hasTable(engine)).toBe(false);
  });

  test("leaves a bridge that somebody else made, which is used with its own address", async () => {
    const bridge = `wu${hex(4)}`;
    lab.host.netlink.apply([
      { kind: "add-bridge", name: bridge },
      { kind: "add-address", name: bridge, cidr: "198.20.7.1/24" },
    ]);
    try {
      const engine = await started({ bridge });
      const { endpoints } = await lab.container(engine, "c1");
      expect(endpoints[0]?.ipAddress).toBe("198.20.7.2");
      await engine.networks.teardown();
      expect(lab.host.netlink.link(bridge)).toBeDefined();
    } finally {
      lab.host.netlink.apply([{ kind: "delete-link", name: bridge }]);
    }
  });
});

describe("two engines", () => {
  test("take different subnets; one cannot take the other's bridge", async () => {
    const [first, second] = [await started(), await started()];
    expect(first.networks.resolve("bridge").pools).not.toEqual(
      second.networks.resolve("bridge").pools,
    );
    expect(lab.engine({ bridge: first.bridge })).rejects.toThrow(
      "it belongs to another Wharf engine",
    );
  });

  test("do not meet in a subnet that one left behind, its rules still there", async () => {
    const bip = `198.19.${200 + Math.floor(Math.random() * 50)}.1/24`;
    const killed = await started({ ipv4: { address: bip } });
    await killed.crash();
    lab.host.netlink.apply([{ kind: "delete-link", name: killed.bridge }]);
    const heir = await started({ ipv4: { address: bip } });
    const [web, other] = [await lab.container(heir, "web"), await lab.container(heir, "other")];
    lab.serveTcp(web.namespacePath, 80);
    const seen = await lab.askTcp(other.namespacePath, web.endpoints[0]?.ipAddress ?? "", 80);
    expect(seen).toBe(other.endpoints[0]?.ipAddress);
  });
});

test("openNetworks() switches IPv4 forwarding on and lets loopback replies back in on the bridge alone", async () => {
  const engine = await started();
  const read = (path: string): string => readFileSync(`/proc/sys/net/ipv4/${path}`, "utf8").trim();
  expect(read("ip_forward")).toBe("1");
  expect(read(`conf/${engine.bridge}/route_localnet`)).toBe("1");
});

test("--bridge none has no default network", async () => {
  const engine = await started({ bridge: "none" });
  expect(
    engine.networks
      .list()
      .map(({ name }) => name)
      .toSorted(),
  ).toEqual(["host", "none"]);
  expect(lab.container(engine, "c1")).rejects.toThrow("network bridge not found");
  expect(engine.networks.hostGatewayAddresses()).toEqual([]);
});
