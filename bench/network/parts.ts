import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { startDnsThread } from "#daemon/dns-thread.ts";
import { openLinuxHost } from "#host/linux/host.ts";
import { DEFAULT_NETWORKS_CONFIG } from "#networks/config.ts";
import { ThreadNameServers } from "#networks/dns/thread/thread-name-servers.ts";
import type { NetworkRequest, Networks } from "#networks/networks.ts";
import { openNetworks } from "#networks/open.ts";
import { PluginFinder } from "#plugins/plugin-finder.ts";
import { MemoryStore } from "#store/memory/store.ts";
import { median, show } from "./common.ts";

const SIGNAL = new AbortController().signal;
const MODE = { kind: "bridge" } as const;
const NETWORK: NetworkRequest = {
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

/** Runs `work` with the networks of an engine that is nothing else, and takes them down. */
export async function withNetworks(work: (networks: Networks) => Promise<void>): Promise<void> {
  const directory = mkdtempSync("/var/tmp/wharf-bench-");
  await using host = await openLinuxHost();
  const warn = (message: string): void => console.error(message);
  const networks = await openNetworks({
    ...host,
    store: new MemoryStore(),
    engineId: randomBytes(16).toString("hex"),
    runDir: directory,
    config: { ...DEFAULT_NETWORKS_CONFIG, bridge: `wb${randomBytes(4).toString("hex")}` },
    randomBytes: (count) => new Uint8Array(randomBytes(count)),
    plugins: new PluginFinder({ folders: [], sleep: (delayMs) => host.clock.delay(delayMs) }),
    nameServers: new ThreadNameServers({ start: startDnsThread, warn }),
    vaultOf: () => undefined,
    warn,
  });
  try {
    await networks.reconcile(new Set());
    await work(networks);
  } finally {
    await networks.teardown();
    await networks[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** What our own parts take, without any process: sandboxes with names and ports, and coming to a second network. */
export async function measureParts(runs: number): Promise<void> {
  await withNetworks(async (networks) => {
    const [own, second] = [
      await networks.create({ ...NETWORK, name: "own" }),
      await networks.create({ ...NETWORK, name: "second" }),
    ];
    const on = ({ id }: { readonly id: typeof own.id }) => ({ networkId: id, dnsNames: ["a"] });
    for (const [where, attachments] of [
      ["default network", undefined],
      ["network with names", [on(own)]],
    ] as const) {
      for (const count of [0, 1, 500]) {
        const ports = Array.from({ length: count }, (_, index) => ({
          protocol: "tcp" as const,
          containerPort: 1 + index,
          hostPort: 0 as const,
        }));
        const request = { containerId: "a", mode: MODE, ports };
        const taken = new Durations();
        for (let run = 0; run < (count > 100 ? runs : runs * 10); run += 1) {
          const asked = attachments ? { ...request, attachments } : request;
          await taken.of("set up", async () => {
            await taken.of("opened", () => networks.openSandbox(asked, SIGNAL));
            await taken.of("connected", () => networks.connectSandbox("a", SIGNAL));
          });
          await taken.of("closed", () => networks.closeSandbox("a"));
        }
        show(`endpoint, ${where}, ${count} ports`, ...taken.shown());
      }
    }
    await networks.openSandbox({ containerId: "b", mode: MODE, ports: [] }, SIGNAL);
    await networks.connectSandbox("b", SIGNAL);
    const taken = new Durations();
    for (let run = 0; run < runs * 10; run += 1) {
      await taken.of("connected", async () => {
        await using change = await networks.connect("b", on(second));
        change.record("after");
        await change.apply();
      });
      await taken.of("disconnected", async () => {
        await using change = networks.disconnect("b", second.id);
        change?.record("after");
        await change?.apply();
      });
    }
    await networks.closeSandbox("b");
    show("a container that runs, to a second network", ...taken.shown());
  });
}

/** Medians of parts of one thing, and of all together. */
class Durations {
  readonly #samples = new Map<string, number[]>();

  async of(part: string, work: () => Promise<unknown>): Promise<void> {
    const start = performance.now();
    await work();
    const samples = this.#samples.get(part) ?? [];
    this.#samples.set(part, [...samples, performance.now() - start]);
  }

  shown(): readonly string[] {
    return [...this.#samples].map(([part, samples]) => `${part} ${median(samples).toFixed(2)} ms`);
  }
}
