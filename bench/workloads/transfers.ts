import { openSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { answers } from "../engines.ts";
import { timed } from "../suite/command.ts";
import { folderAt } from "../suite/isolation.ts";
import { REGISTRY_PROGRAM } from "../suite/preparation.ts";
import type { Bench, Family, Workload } from "../suite/workload.ts";
import { layersOfHost, type Packing, putImage } from "../transfers/images.ts";

const MEGABYTE = 1024 * 1024;
const LAYERS = 8;
const [SOURCE_PORT, TARGET_PORT] = [5671, 5672];

/** Pulls and pushes from and to Debian's docker-registry on loopback; `npm run bench:transfers` looks closer. */
export function transfersFamily(bench: Bench): Family {
  const folder = folderAt(bench.folder, "registries");
  const megabytes = bench.isQuick ? 256 : 1024;
  const title = bench.isQuick ? `${megabytes} MB` : "1 GB";
  const packings: readonly Packing[] = bench.isQuick ? ["gzip"] : ["gzip", "zstd"];
  let source: Bun.Subprocess | undefined;
  const have = new Set<Packing>();
  const serve = async (packing: Packing): Promise<void> => {
    source ??= await startRegistry(folder, SOURCE_PORT);
    if (have.has(packing)) return;
    have.add(packing);
    const layers = layersOfHost(LAYERS, (megabytes * MEGABYTE) / LAYERS);
    await putImage(`127.0.0.1:${SOURCE_PORT}`, `bench/${packing}`, layers, packing);
  };
  const workloadsOf = (packing: Packing): readonly Workload[] => {
    const from = `127.0.0.1:${SOURCE_PORT}/bench/${packing}`;
    const to = `127.0.0.1:${TARGET_PORT}/bench/${packing}`;
    const pull = ["pull", "-q", from];
    let target: Bun.Subprocess | undefined;
    return [
      {
        name: `pull ${title} in ${LAYERS} layers, ${packing}`,
        unit: "ms",
        maxRuns: bench.isQuick ? 2 : 3,
        takesMinutes: !bench.isQuick,
        hasWarmUp: false,
        goals: [{ kind: "ratio", against: "peer", atMost: 1 / 2 }],
        prepare: async () => await serve(packing),
        run: async ({ cli }) => await timed(async () => await cli(pull)),
        after: async ({ cli }) => await cli(["rmi", from]),
      },
      {
        name: `push ${title} in ${LAYERS} layers, ${packing}`,
        unit: "ms",
        maxRuns: bench.isQuick ? 2 : 3,
        takesMinutes: !bench.isQuick,
        hasWarmUp: false,
        prepare: async ({ cli }) => {
          await serve(packing);
          await cli(pull);
          await cli(["tag", from, to]);
        },
        before: async () => {
          target = await startRegistry(folder, TARGET_PORT);
        },
        run: async ({ cli }) => await timed(async () => await cli(["push", "-q", to])),
        after: async () => {
          target?.kill("SIGKILL");
          await target?.exited;
          rmSync(join(folder, String(TARGET_PORT)), { recursive: true, force: true });
        },
        clean: async ({ cli }) => await cli(["rmi", from, to]),
      },
    ];
  };
  return { name: "transfers", workloads: packings.flatMap(workloadsOf) };
}

async function startRegistry(folder: string, port: number): Promise<Bun.Subprocess> {
  const configuration = join(folder, `${port}.yml`);
  writeFileSync(
    configuration,
    `version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: ${folder}/${port}}, delete: {enabled: true}}
http: {addr: "127.0.0.1:${port}"}
`,
  );
  const log = openSync(join(folder, `${port}.log`), "a");
  const child = Bun.spawn([REGISTRY_PROGRAM, "serve", configuration], {
    stdout: "ignore",
    stderr: log,
  });
  await answers(`http://127.0.0.1:${port}/v2/`);
  return child;
}
