// `npm run bench:transfers`: pull and push of an image of 1 GB in 8 layers, and of single blobs, beside docker's engine,
// from and to Debian's docker-registry on loopback. See README.md.
import { randomBytes } from "node:crypto";
import { mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { answers, command, startWharf } from "./engines.ts";
import { layersOfHost, putImage } from "./transfers/images.ts";
import { findDaemon, type Usage, usageOf } from "./transfers/usage.ts";

const MEGABYTE = 1024 * 1024;
const BLOB_MEGABYTES = [1, 10, 100];
const SOURCE_PORT = 5671;
const TARGET_PORT = 5672;

const { values } = parseArgs({
  options: {
    registry: { type: "string" },
    peer: { type: "string" },
    wharf: { type: "string", default: "dist/wharf" },
    runs: { type: "string", default: "3" },
    megabytes: { type: "string", default: "1024" },
    layers: { type: "string", default: "8" },
    only: { type: "string" },
  },
});
if (values.registry === undefined) throw new Error("--registry PATH_OF_DOCKER_REGISTRY is needed");
const registryProgram = values.registry;
const RUNS = Number(values.runs);
const LAYERS = Number(values.layers);
const LAYER_BYTES = (Number(values.megabytes) * MEGABYTE) / LAYERS;

interface Engine {
  readonly name: string;
  readonly client: readonly string[];
  readonly pid: number;
}

function started(child: Bun.Subprocess): AsyncDisposable & { readonly pid: number } {
  return {
    pid: child.pid,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGTERM");
      await child.exited;
    },
  };
}

async function startRegistry(folder: string, port: number): Promise<AsyncDisposable> {
  const config = join(folder, `registry-${port}.yml`);
  writeFileSync(
    config,
    `version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: ${folder}/registry-${port}}, delete: {enabled: true}}
http: {addr: "127.0.0.1:${port}"}
`,
  );
  const child = Bun.spawn([registryProgram, "serve", config], {
    stdout: "ignore",
    stderr: openSync(join(folder, `registry-${port}.log`), "a"),
  });
  await answers(`http://127.0.0.1:${port}/v2/`);
  return started(child);
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}

function show(samples: readonly Usage[]): string {
  const walls = samples.map((one) => one.wallSeconds);
  const range = `${Math.min(...walls).toFixed(1)}–${Math.max(...walls).toFixed(1)}`;
  const of = (read: (usage: Usage) => number): string => Math.max(...samples.map(read)).toFixed(0);
  return (
    `${median(walls).toFixed(2)} s (${range}), CPU ${median(samples.map((one) => one.cpuSeconds)).toFixed(1)} s, ` +
    `${of((one) => one.daemonMegabytes)} MB, with children ${of((one) => one.allMegabytes)} MB`
  );
}

interface Workload {
  readonly name: string;
  readonly before: readonly (readonly string[])[];
  readonly words: readonly string[];
  readonly after: readonly (readonly string[])[];
  /** Whether the target registry is empty at each run. */
  readonly isPush: boolean;
}

function workloadsOf(title: string, name: string): readonly Workload[] {
  const source = `127.0.0.1:${SOURCE_PORT}/${name}`;
  const target = `127.0.0.1:${TARGET_PORT}/${name}`;
  const pull = ["pull", "-q", source];
  return [
    {
      name: `pull ${title}`,
      before: [],
      words: pull,
      after: [["rmi", source]],
      isPush: false,
    },
    {
      name: `push ${title}`,
      before: [pull, ["tag", source, target]],
      words: ["push", "-q", target],
      after: [["rmi", source, target]],
      isPush: true,
    },
  ];
}

async function measure(
  workload: Workload,
  engines: readonly Engine[],
  folder: string,
): Promise<void> {
  const samples = new Map(engines.map(({ name }) => [name, [] as Usage[]]));
  for (let run = 0; run < RUNS; run++) {
    for (const { name, client, pid } of engines) {
      for (const words of workload.before) await command([...client, ...words]);
      await using _target = workload.isPush ? await startRegistry(folder, TARGET_PORT) : undefined;
      await command(["sync"]);
      const taken = await usageOf(pid, async () => {
        await command([...client, ...workload.words]);
      });
      samples.get(name)?.push(taken);
      for (const words of workload.after) await command([...client, ...words]);
      rmSync(join(folder, `registry-${TARGET_PORT}`), { recursive: true, force: true });
    }
  }
  console.log(workload.name);
  const [first, second] = engines.map(({ name }) => samples.get(name) ?? []);
  for (const { name } of engines)
    console.log(`  ${name.padEnd(8)}${show(samples.get(name) ?? [])}`);
  if (!first || !second) return;
  const ratio =
    median(first.map((one) => one.wallSeconds)) / median(second.map((one) => one.wallSeconds));
  console.log(`  ratio   ${ratio.toFixed(2)}`);
}

const folder = mkdtempSync("/var/tmp/wharf-bench-");
const socket = values.peer ?? (await command(["bash", "bench/peers.sh", "start"]));
try {
  await using _source = await startRegistry(folder, SOURCE_PORT);
  await using daemon = started(await startWharf(resolve(values.wharf), folder, "none"));
  const docker = Bun.which("docker") ?? "docker";
  const engines: readonly Engine[] = [
    {
      name: "wharf",
      client: [resolve(values.wharf), "-H", `unix://${folder}/wharf.sock`],
      pid: daemon.pid,
    },
    ...(values.peer === "none"
      ? []
      : [{ name: "docker", client: [docker, "-H", socket], pid: findDaemon(socket) }]),
  ];
  const registry = `127.0.0.1:${SOURCE_PORT}`;
  const isWanted = ({ name }: Workload): boolean =>
    values.only === undefined || name.includes(values.only);
  for (const packing of ["gzip", "zstd"] as const) {
    const title = `${values.megabytes} MB in ${LAYERS} layers, ${packing}`;
    const workloads = workloadsOf(title, `bench/${packing}`).filter(isWanted);
    if (workloads.length === 0) continue;
    await putImage(registry, `bench/${packing}`, layersOfHost(LAYERS, LAYER_BYTES), packing);
    for (const workload of workloads) await measure(workload, engines, folder);
  }
  for (const megabytes of BLOB_MEGABYTES) {
    const name = `bench/blob-${megabytes}`;
    const workloads = workloadsOf(`a blob of ${megabytes} MB`, name).filter(isWanted);
    if (workloads.length === 0) continue;
    await putImage(registry, name, [randomLayer(megabytes * MEGABYTE)], "gzip");
    for (const workload of workloads) await measure(workload, engines, folder);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
  if (values.peer === undefined) await command(["bash", "bench/peers.sh", "stop"]);
}

/** One file that no packing makes smaller. */
function randomLayer(bytes: number): Uint8Array {
  const block = Buffer.alloc(512);
  block.write("random", 0);
  block.write("0000644", 100);
  block.write("0000000", 108);
  block.write("0000000", 116);
  block.write(bytes.toString(8).padStart(11, "0"), 124);
  block.write("14000000000", 136);
  block.fill(" ", 148, 156);
  block.write("0", 156);
  block.write("ustar\x0000", 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return Buffer.concat([block, randomBytes(bytes), new Uint8Array(1024)]);
}
