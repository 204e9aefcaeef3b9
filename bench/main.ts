// `npm run bench`: Wharf beside docker in one run. See README.md.
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { command, startWharf } from "./engines.ts";

const { values: options } = parseArgs({
  options: {
    runs: { type: "string", default: "15" },
    only: { type: "string" },
    json: { type: "boolean", default: false },
    keep: { type: "boolean", default: false },
    peer: { type: "string" },
  },
});
const RUNS = Number(options.runs);
const WHARF = resolve("dist/wharf");
const DOCKER = Bun.which("docker") ?? "docker";

interface Contender {
  readonly name: string;
  /** argv before the command's own words. */
  readonly client: readonly string[];
}

interface Workload {
  readonly name: string;
  readonly words: readonly string[];
  /** Words of commands that lead up to it, outside the time taken. */
  readonly before?: readonly (readonly string[])[];
  /** Words of a command that belongs to it too. */
  readonly andThen?: readonly string[];
  /** Of what takes long, fewer runs than asked for. */
  readonly maxRuns?: number;
  /** Words of a command that undoes the run, outside the time taken. */
  readonly after?: readonly string[];
  /** Words of commands that come before all runs and after them. */
  readonly setUp?: readonly (readonly string[])[];
  readonly tearDown?: readonly (readonly string[])[];
}

const COPY_BYTES = 200_000_000;
const COPY_FILES = 2_000;

/** Copies into and out of a container that runs, of one large file and of many small ones. */
function copyWorkloads(folder: string): readonly Workload[] {
  const large = join(folder, "large");
  const small = join(folder, "small");
  mkdirSync(small, { recursive: true });
  // random: nothing on the way is to find it easy
  writeFileSync(large, new Uint8Array(randomBytes(COPY_BYTES)));
  for (let index = 0; index < COPY_FILES; index++) {
    writeFileSync(join(small, String(index)), new Uint8Array(randomBytes(3_000)));
  }
  const run = ["run", "-d", "--name", "bench-cp", "busybox", "sleep", "100000"];
  const tearDown = [["rm", "-f", "bench-cp"]];
  const copyIn = (from: string) => ["cp", from, "bench-cp:/tmp/"];
  const rest = { setUp: [run, copyIn(large), copyIn(small)], tearDown };
  return [
    { name: "cp 200 MB in", words: copyIn(large), ...rest },
    { name: "cp 200 MB out", words: ["cp", "bench-cp:/tmp/large", `${folder}/out`], ...rest },
    { name: "cp 2000 files in", words: copyIn(small), ...rest },
    { name: "cp 2000 files out", words: ["cp", "bench-cp:/tmp/small", `${folder}/outs`], ...rest },
    { name: "diff", words: ["diff", "bench-cp"], ...rest },
    { name: "export", words: ["export", "-o", `${folder}/root.tar`, "bench-cp"], ...rest },
  ];
}

const NETWORK = "bench-net";
const NETWORK_CREATE = ["network", "create", NETWORK];
const NETWORK_RM = ["network", "rm", NETWORK];
const CONNECT = ["network", "connect", NETWORK, "bench"];
const DISCONNECT = ["network", "disconnect", NETWORK, "bench"];
const ON_NETWORK = {
  setUp: [NETWORK_CREATE, ["run", "-d", "--name", "bench", "busybox", "sleep", "100000"]],
  tearDown: [["rm", "-f", "bench"], NETWORK_RM],
};

/** What an endpoint costs is the difference of a run on a network and one without. */
const NETWORK_WORKLOADS: readonly Workload[] = [
  { name: "network create", words: NETWORK_CREATE, after: NETWORK_RM },
  { name: "network rm", before: [NETWORK_CREATE], words: NETWORK_RM },
  { name: "network connect", words: CONNECT, after: DISCONNECT, ...ON_NETWORK },
  { name: "network disconnect", before: [CONNECT], words: DISCONNECT, ...ON_NETWORK },
  {
    name: "run --rm --network none",
    words: ["run", "--rm", "--network", "none", "busybox", "true"],
  },
  {
    name: "run --rm on a network",
    words: ["run", "--rm", "--network", NETWORK, "busybox", "true"],
    ...ON_NETWORK,
  },
];

const LINE = "0123456789".repeat(10);
/** A container that writes so many bytes in lines of 100. */
const write = (bytes: number): readonly string[] => [
  ...["run", "-d", "--name", "bench", "--log-opt", "max-size=1g"],
  ...["busybox", "sh", "-c", `yes ${LINE} | head -c ${bytes}`],
];

const WORKLOADS: readonly Workload[] = [
  { name: "run --rm busybox true", words: ["run", "--rm", "busybox", "true"] },
  {
    name: "run --rm --network host",
    words: ["run", "--rm", "--network", "host", "busybox", "true"],
  },
  {
    name: "run -d",
    words: ["run", "-d", "--name", "bench", "busybox", "sleep", "1000"],
    after: ["rm", "-f", "bench"],
  },
  { name: "version", words: ["version"] },
  { name: "ps -a", words: ["ps", "-a"] },
  {
    name: "100 MB into the log",
    words: write(100_000_000),
    andThen: ["wait", "bench"],
    after: ["rm", "-f", "bench"],
    maxRuns: 3,
  },
  {
    name: "logs of 50 MB",
    before: [write(50_000_000), ["wait", "bench"]],
    words: ["logs", "bench"],
    after: ["rm", "-f", "bench"],
    maxRuns: 3,
  },
  {
    name: "logs --tail 10 of 50 MB",
    before: [write(50_000_000), ["wait", "bench"]],
    words: ["logs", "--tail", "10", "bench"],
    after: ["rm", "-f", "bench"],
    maxRuns: 3,
  },
];

/** Wall time of one whole client process, in milliseconds. */
async function timed(argv: readonly string[]): Promise<number> {
  const start = performance.now();
  await command(argv);
  return performance.now() - start;
}

interface Figures {
  readonly minimum: number;
  readonly median: number;
  readonly maximum: number;
}

function figuresOf(samples: readonly number[]): Figures {
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))] ?? Number.NaN;
  return { minimum: at(0), median: at(0.5), maximum: at(1) };
}

async function measure(
  workload: Workload,
  contenders: readonly Contender[],
): Promise<ReadonlyMap<string, Figures>> {
  for (const { client } of contenders) {
    for (const words of workload.setUp ?? []) await command([...client, ...words]);
  }
  const samples = new Map(contenders.map((contender) => [contender.name, [] as number[]]));
  for (let run = -1; run < Math.min(RUNS, workload.maxRuns ?? RUNS); run++) {
    for (const { name, client } of contenders) {
      for (const words of workload.before ?? []) await command([...client, ...words]);
      let taken = await timed([...client, ...workload.words]);
      if (workload.andThen) taken += await timed([...client, ...workload.andThen]);
      if (run >= 0) samples.get(name)?.push(taken); // run -1 warms up
      if (workload.after) await command([...client, ...workload.after]);
    }
  }
  for (const { client } of contenders) {
    for (const words of workload.tearDown ?? []) await command([...client, ...words]);
  }
  return new Map([...samples].map(([name, taken]) => [name, figuresOf(taken)]));
}

async function importBusybox(contender: Contender, tar: string): Promise<void> {
  await command([...contender.client, "import", "-c", 'CMD ["sh"]', tar, "busybox:latest"]);
}

const root = mkdtempSync("/var/tmp/wharf-bench-");
const peerSocket = options.peer ?? (await command(["bash", "bench/peers.sh", "start"]));
const daemon = await startWharf(WHARF, root, "wbench0");
try {
  const contenders: readonly Contender[] = [
    { name: "wharf", client: [WHARF, "-H", `unix://${root}/wharf.sock`] },
    { name: "docker", client: [DOCKER, "-H", peerSocket] },
  ];
  const tar = join(root, "busybox.tar");
  await command(["bash", "-c", `. scripts/lib/common.sh; make_busybox_tar ${tar}`]);
  for (const contender of contenders) await importBusybox(contender, tar);
  const versions: Record<string, string> = {};
  for (const { name, client } of contenders) {
    versions[name] = await command([
      ...client,
      "version",
      "--format",
      "{{.Client.Version}} / {{.Server.Version}}",
    ]);
    versions[`${name} runtime`] = await command([
      ...client,
      "info",
      "--format",
      "{{.DefaultRuntime}}",
    ]);
  }
  const rows: Record<string, unknown>[] = [];
  for (const workload of [
    ...WORKLOADS,
    ...NETWORK_WORKLOADS,
    ...copyWorkloads(join(root, "copy")),
  ]) {
    if (options.only && !workload.name.includes(options.only)) continue;
    const figures = await measure(workload, contenders);
    const [ours, theirs] = [figures.get("wharf"), figures.get("docker")];
    if (!ours || !theirs) continue;
    rows.push({
      workload: workload.name,
      wharf: ours,
      docker: theirs,
      ratio: ours.median / theirs.median,
    });
    if (!options.json) {
      const show = (f: Figures) =>
        `${f.median.toFixed(0)} (${f.minimum.toFixed(0)}–${f.maximum.toFixed(0)})`;
      if (rows.length === 1) {
        for (const [name, version] of Object.entries(versions)) console.log(`${name}: ${version}`);
        console.log(
          `\n${"workload, ms".padEnd(28)}${"wharf".padEnd(18)}${"docker".padEnd(18)}ratio`,
        );
      }
      const ratio = (ours.median / theirs.median).toFixed(2);
      console.log(
        `${workload.name.padEnd(28)}${show(ours).padEnd(18)}${show(theirs).padEnd(18)}${ratio}`,
      );
    }
  }
  if (options.json) console.log(JSON.stringify({ runs: RUNS, versions, rows }, undefined, 2));
} finally {
  daemon.kill("SIGTERM");
  await daemon.exited;
  rmSync(root, { recursive: true, force: true });
  if (!options.keep && options.peer === undefined)
    await command(["bash", "bench/peers.sh", "stop"]);
}
