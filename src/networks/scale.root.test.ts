import { expect, test } from "bun:test";
import type { NetworkRequest } from "./networks.ts";
import { Lab } from "./testing/lab.ts";

const COUNT = process.env["WHARF_TEST_LONG"] ? 2000 : 40;
const REQUEST: NetworkRequest = {
  name: "",
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

test(
  `${COUNT} networks are made, found by a restarted engine, and removed without a trace`,
  async () => {
    await using lab = await Lab.open();
    const engine = await lab.engine();
    await engine.networks.reconcile(new Set());
    const before = process.memoryUsage.rss();
    const spent = (since: number): string =>
      `${((performance.now() - since) / COUNT).toFixed(1)} ms each`;

    let since = performance.now();
    for (let index = 0; index < COUNT; index += 1) {
      await engine.networks.create({ ...REQUEST, name: `n${index}` });
    }
    const creating = spent(since);
    const subnets = engine.networks.list().flatMap(({ pools }) => pools.map((one) => one.subnet));
    expect(new Set(subnets).size).toBe(COUNT + 1);
    const megabytes = Math.round((process.memoryUsage.rss() - before) / 2 ** 20);

    await engine.crash();
    since = performance.now();
    const next = await lab.engine({}, engine);
    await next.networks.reconcile(new Set());
    const restarting = spent(since);
    expect(next.networks.list()).toHaveLength(COUNT + 3);
    expect(await next.networks.audit()).toEqual([]);

    since = performance.now();
    const made = next.networks.list().filter(({ name }) => /^n\d/.test(name));
    for (const { id } of made) await next.networks.remove(id);
    const removing = spent(since);
    expect(next.networks.list()).toHaveLength(3);
    expect(await next.networks.audit()).toEqual([]);
    const own = lab.host.netlink.links().filter(({ alias }) => alias === `wharf:${next.engineId}`);
    expect(own.map(({ name }) => name)).toEqual([next.bridge]);
    // subnets come back
    const again = await next.networks.create({ ...REQUEST, name: "again" });
    expect(again.pools[0]?.subnet).toBe(subnets[1] ?? "");
    await next.networks.remove(again.id);
    // oxlint-disable-next-line no-console -- the figures are what the long run is for
    process.stdout.write(
      `${COUNT} networks: created in ${creating}, restarted in ${restarting}, removed in ${removing}, ${megabytes} MB\n`,
    );
  },
  process.env["WHARF_TEST_LONG"] ? 1_800_000 : 60_000,
);
