// `npm run bench:network`: networks beside docker in one run. See README.md.
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { openLinuxHost } from "#host/linux/host.ts";
import { DEFAULT_NETWORKS_CONFIG } from "#networks/config.ts";
import { LocalNameServers } from "#networks/dns/name-servers.ts";
import { openNetworks } from "#networks/open.ts";
import { PluginFinder } from "#plugins/plugin-finder.ts";
import { MemoryStore } from "#store/memory/store.ts";

const { values: options } = parseArgs({
  options: {
    runs: { type: "string", default: "5" },
    seconds: { type: "string", default: "3" },
    /** Socket of a docker engine; without one only ours is measured. */
    peer: { type: "string" },
    only: { type: "string", default: "" },
    /** Of one that is there already: it runs itself so, in namespaces of its own. */
    inside: { type: "boolean", default: false },
  },
});
const RUNS = Number(options.runs);
const CACHE = "/var/tmp/wharf-bench-net";
const SIGNAL = new AbortController().signal;

async function command(argv: readonly string[], mayFail = false): Promise<string> {
  const child = Bun.spawn([...argv], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, DOCKER_HOST: "", DOCKER_CONTEXT: "" },
  });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (code !== 0 && !mayFail) throw new Error(`${argv.join(" ")} exited ${code}: ${stderr}`);
  return stdout.trim();
}

function median(samples: readonly number[]): number {
  return samples.toSorted((a, b) => a - b)[Math.floor(samples.length / 2)] ?? Number.NaN;
}

function show(name: string, ...figures: readonly string[]): void {
  console.log(`${name.padEnd(44)}${figures.map((figure) => figure.padEnd(18)).join("")}`);
}

/** What our own parts take, without any process: sandboxes, and the rules of many ports. */
async function measureParts(): Promise<void> {
  const directory = mkdtempSync("/var/tmp/wharf-bench-");
  await using host = await openLinuxHost();
  const networks = await openNetworks({
    ...host,
    store: new MemoryStore(),
    engineId: randomBytes(16).toString("hex"),
    runDir: directory,
    config: { ...DEFAULT_NETWORKS_CONFIG, bridge: `wb${randomBytes(4).toString("hex")}` },
    randomBytes: (count) => new Uint8Array(randomBytes(count)),
    plugins: new PluginFinder({ folders: [], sleep: (delayMs) => host.clock.delay(delayMs) }),
    nameServers: new LocalNameServers({
      ...host,
      randomBytes,
      random: Math.random,
      readHostFile: () => "",
    }),
    vaultOf: () => undefined,
    warn: (message) => console.error(message),
  });
  await networks.reconcile(new Set());
  const mode = { kind: "bridge" } as const;
  const endpoint = async (count: number): Promise<readonly number[]> => {
    const ports = Array.from({ length: count }, (_, index) => ({
      protocol: "tcp" as const,
      containerPort: 1 + index,
      hostPort: 0 as const,
    }));
    const start = performance.now();
    await networks.openSandbox({ containerId: "a", mode, ports }, SIGNAL);
    const opened = performance.now();
    await networks.connectSandbox("a", SIGNAL);
    const connected = performance.now();
    await networks.closeSandbox("a");
    return [opened - start, connected - opened, connected - start, performance.now() - connected];
  };
  for (const count of [0, 1, 500]) {
    const samples: (readonly number[])[] = [];
    for (let run = 0; run < (count > 100 ? RUNS : RUNS * 10); run += 1) {
      samples.push(await endpoint(count));
    }
    const at = (part: number) => `${median(samples.map((each) => each[part] ?? 0)).toFixed(2)} ms`;
    show(`endpoint, ${count} ports: set up / taken down`, at(2), at(3));
    show("  of that opened / connected", at(0), at(1));
  }
  await networks.teardown();
  await networks[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
}

/** The whole table of 500 ports, from nothing, and the look-up of a packet with 1 and with 500 ports in it. */
async function measureRules(): Promise<void> {
  const { renderRuleset } = await import("#networks/firewall/ruleset.ts");
  await using host = await openLinuxHost();
  const ruleset = (count: number) =>
    renderRuleset({
      table: "wharf_bench",
      engineId: "bench",
      networks: [],
      ports: Array.from({ length: count }, (_, index) => ({
        protocol: "tcp" as const,
        hostAddress: "0.0.0.0",
        hostPort: 10_000 + index,
        containerAddress: "127.0.0.1",
        containerPort: 80,
      })),
    });
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 80,
    socket: { open: (socket) => void socket.end(), data() {} },
  });
  for (const count of [1, 500]) {
    const script = ruleset(count);
    const loads: number[] = [];
    for (let run = 0; run < RUNS * 4; run += 1) {
      const start = performance.now();
      await host.nft.run(script);
      loads.push(performance.now() - start);
    }
    const connects: number[] = [];
    for (let run = 0; run < 400; run += 1) {
      const closed = Promise.withResolvers<void>();
      const start = performance.now();
      await Bun.connect({
        hostname: "127.0.0.1",
        port: 10_000 + count - 1,
        socket: { data() {}, close: () => closed.resolve() },
      });
      connects.push(performance.now() - start);
      await closed.promise;
    }
    show(
      `rules of ${count} ports: load / connect by the last`,
      `${median(loads).toFixed(1)} ms`,
      `${(median(connects) * 1000).toFixed(0)} µs`,
    );
  }
  server.stop(true);
}

interface Contender {
  readonly name: string;
  readonly client: readonly string[];
}

/** Gigabits a second that iperf3 received in one run. */
async function throughput(argv: readonly string[]): Promise<number> {
  const report = JSON.parse(await command(argv)) as {
    readonly end: { readonly sum_received: { readonly bits_per_second: number } };
  };
  return report.end.sum_received.bits_per_second / 1e9;
}

/** What clients do, through both engines in turn. */
async function measureTraffic(contenders: readonly Contender[]): Promise<void> {
  const outside = "wbenchout";
  await command(["ip", "netns", "add", outside]);
  const ip = (...words: readonly string[]) => command(["ip", ...words]);
  await ip("link", "add", "wbo0", "type", "veth", "peer", "name", "eth0", "netns", outside);
  await ip("addr", "add", "198.18.77.1/24", "dev", "wbo0");
  await ip("link", "set", "wbo0", "up");
  await ip("-n", outside, "addr", "add", "198.18.77.2/24", "dev", "eth0");
  await ip("-n", outside, "link", "set", "eth0", "up");
  const seconds = options.seconds;
  const root = join(CACHE, "root");
  // `ip netns exec` runs in a mount namespace of its own
  const enter = `mount --rbind /dev ${root}/dev && exec chroot ${root} "$@"`;
  const inRoot = ["ip", "netns", "exec", outside, "sh", "-c", enter, "sh"];
  const iperf = ["/usr/bin/iperf3", "-J", "-t", seconds];
  const rows = new Map<string, Map<string, number[]>>();
  const note = (row: string, name: string, figure: number): void => {
    const figures = rows.get(row) ?? new Map<string, number[]>();
    rows.set(row, figures);
    figures.set(name, [...(figures.get(name) ?? []), figure]);
  };
  try {
    for (const { client } of contenders) {
      await command([...client, "rm", "-f", "bench-server"], true);
      await command([...client, "import", join(CACHE, "network.tar"), "bench-network"]);
      await command([
        ...client,
        ...["run", "-d", "--name", "bench-server", "-p", "5201", "-p", "80", "bench-network"],
        ...["sh", "-c", "iperf3 -s -D; exec nginx -g 'daemon off;'"],
      ]);
    }
    await Bun.sleep(1000);
    for (let run = 0; run < RUNS; run += 1) {
      for (const { name, client } of contenders) {
        const portOf = async (port: string) =>
          (await command([...client, "port", "bench-server", port]))
            .split("\n")[0]
            ?.split(":")
            .at(-1) ?? "";
        const published = await portOf("5201/tcp");
        const address = await command([
          ...client,
          ...[
            "inspect",
            "-f",
            "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}",
            "bench-server",
          ],
        ]);
        const fromOutside = ["-c", "198.18.77.1", "-p", published];
        note(
          "Gbit/s by a published port",
          name,
          await throughput([...inRoot, ...iperf, ...fromOutside]),
        );
        const between = [...client, "run", "--rm", "bench-network", ...iperf, "-c", address];
        note("Gbit/s container to container", name, await throughput(between));
        const http = `http://198.18.77.1:${await portOf("80/tcp")}/`;
        const report = await command([
          ...[...inRoot, "wrk", "-t1", "-c16", `-d${seconds}s`, "-H", "Connection: close", http],
        ]);
        note(
          "connections/s by a published port",
          name,
          Number(/Requests\/sec:\s+([\d.]+)/.exec(report)?.[1]),
        );
      }
    }
    show("", ...contenders.map(({ name }) => name), "ratio");
    for (const [row, figures] of rows) {
      const medians = contenders.map(({ name }) => median(figures.get(name) ?? []));
      const [ours = 0, theirs] = medians;
      const ratio = theirs === undefined ? "" : (ours / theirs).toFixed(2);
      show(row, ...medians.map((figure) => figure.toFixed(1)), ratio);
    }
  } finally {
    for (const { client } of contenders) {
      await command([...client, "rm", "-f", "bench-server"], true);
      await command([...client, "rmi", "-f", "bench-network"], true);
    }
    await command(["ip", "link", "del", "wbo0"], true);
    await command(["ip", "netns", "del", outside], true);
  }
}

async function withWharf(work: (contender: Contender) => Promise<void>): Promise<void> {
  const root = mkdtempSync("/var/tmp/wharf-bench-");
  const daemon = Bun.spawn(
    [
      ...[resolve("dist/wharf"), "daemon", "-H", `unix://${root}/wharf.sock`],
      ...["--data-root", `${root}/data`, "--exec-root", `${root}/run`],
      ...["--pidfile", `${root}/wharf.pid`, "--bridge", `wb${randomBytes(4).toString("hex")}`],
    ],
    { stdio: ["ignore", "ignore", Bun.file(join(root, "log"))] },
  );
  try {
    const client = [resolve("dist/wharf"), "-H", `unix://${root}/wharf.sock`];
    for (let attempt = 0; ; attempt += 1) {
      const answer = await command([...client, "version"], true);
      if (answer.includes("Server")) break;
      if (attempt > 200) throw new Error(await Bun.file(join(root, "log")).text());
      await Bun.sleep(50);
    }
    await work({ name: "wharf", client });
  } finally {
    daemon.kill("SIGTERM");
    await daemon.exited;
    rmSync(root, { recursive: true, force: true });
  }
}

async function makeRoot(): Promise<void> {
  const tar = join(CACHE, "network.tar");
  mkdirSync(join(CACHE, "root"), { recursive: true });
  const make = `. scripts/lib/common.sh; make_debian_tar ${tar} iperf3 wrk nginx-light`;
  await command(["bash", "-c", make]);
  await command(["tar", "-C", join(CACHE, "root"), "-xf", tar, "--exclude=./dev/*"]);
  mkdirSync(join(CACHE, "root/dev"), { recursive: true });
}

if (options.inside) {
  await measureRules();
} else {
  if (options.only === "" || options.only === "parts") await measureParts();
  if (options.only === "" || options.only === "rules") {
    const again = [process.execPath, import.meta.path, "--inside", "--runs", options.runs];
    const quiet = 'ip link set lo up && exec "$@"';
    console.log(await command(["unshare", "--net", "sh", "-c", quiet, "sh", ...again]));
  }
  if (options.only === "" || options.only === "traffic") {
    await makeRoot();
    await withWharf(async (wharf) => {
      const { peer } = options;
      const docker = Bun.which("docker") ?? "docker";
      const others = peer === undefined ? [] : [{ name: "docker", client: [docker, "-H", peer] }];
      await measureTraffic([wharf, ...others]);
    });
  }
}
