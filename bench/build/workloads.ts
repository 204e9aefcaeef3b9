import { randomBytes } from "node:crypto";
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { command } from "../engines.ts";

/** Who builds: our client, docker's, buildah. */
export interface BuildContender {
  readonly name: "wharf" | "wharf by buildx" | "BuildKit" | "classic" | "buildah";
  /** Command that builds a folder; quiet, without what later builds would find. */
  readonly build: (folder: string, options: BuildWish) => readonly string[];
}

export interface BuildWish {
  /** Nothing that was built before is used. */
  readonly isCold: boolean;
  readonly tag: string;
}

/** One measurement, whose limits are the issue's. */
export interface BuildWorkload {
  readonly name: string;
  /** Makes the context in a folder that does not exist, once for all. */
  readonly make: (folder: string) => void;
  readonly isCold: boolean;
  /** Each run has a folder of its own, with other names: who keeps contexts has not seen it. */
  readonly isSeenFirst: boolean;
  /** Our time to BuildKit's. */
  readonly mostRatio?: number;
  /** … through buildx. */
  readonly mostBuildxRatio?: number;
  readonly mostSeconds?: number;
  readonly mostRuns: number;
}

const MEGABYTE = 1_000_000;

function dockerfile(folder: string, ...lines: readonly string[]): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "Dockerfile"), `${["FROM busybox", ...lines].join("\n")}\n`);
}

const STEPS = Array.from({ length: 10 }, () => "RUN true");

function makeManyFiles(folder: string): void {
  dockerfile(folder, "COPY files /files");
  for (let index = 0; index < 20_000; index++) {
    const own = join(folder, "files", String(Math.trunc(index / 200)));
    if (index % 200 === 0) mkdirSync(own, { recursive: true });
    writeFileSync(join(own, `file-${index}`), new Uint8Array(randomBytes(10_000)));
  }
}

function makeLargeContext(folder: string): void {
  dockerfile(folder, "COPY small /small", "COPY large/0 /large");
  writeFileSync(join(folder, "small"), "small\n");
  mkdirSync(join(folder, "large"));
  for (let index = 0; index < 10; index++) {
    const bytes = new Uint8Array(randomBytes(100 * MEGABYTE));
    writeFileSync(join(folder, "large", String(index)), bytes);
  }
}

function makeTwoStages(folder: string): void {
  dockerfile(folder, "RUN sleep 2; echo two > /two");
  const own = "FROM busybox AS one\nRUN sleep 2; echo one > /one\n";
  writeFileSync(
    join(folder, "Dockerfile"),
    `${own}FROM busybox\nRUN sleep 2; echo two > /two\nCOPY --from=one /one /one\n`,
  );
}

export const BUILD_WORKLOADS: readonly BuildWorkload[] = [
  {
    name: "10 RUN true, cold",
    make: (folder) => dockerfile(folder, ...STEPS),
    isCold: true,
    isSeenFirst: false,
    mostRatio: 0.25,
    mostBuildxRatio: 1,
    mostRuns: 10,
  },
  {
    name: "10 RUN true, cached",
    make: (folder) => dockerfile(folder, ...STEPS),
    isCold: false,
    isSeenFirst: false,
    mostRatio: 0.5,
    mostBuildxRatio: 1,
    mostRuns: 10,
  },
  {
    name: "COPY 20,000 files, 200 MB, cold",
    make: makeManyFiles,
    isCold: true,
    isSeenFirst: true,
    mostRatio: 0.5,
    mostBuildxRatio: 1,
    mostRuns: 3,
  },
  {
    name: "COPY 20,000 files, unchanged",
    make: makeManyFiles,
    isCold: false,
    isSeenFirst: false,
    mostBuildxRatio: 1,
    mostRuns: 5,
  },
  {
    name: "1 GB context, unchanged",
    make: makeLargeContext,
    isCold: false,
    isSeenFirst: false,
    mostRatio: 0.5,
    mostBuildxRatio: 1,
    mostRuns: 5,
  },
  {
    name: "two stages of 2 s",
    make: makeTwoStages,
    isCold: true,
    isSeenFirst: false,
    mostSeconds: 2.6,
    mostRuns: 3,
  },
];

/** Seconds that each build took, by who built; the first, which warms up, is left out. */
export async function measureBuild(
  workload: BuildWorkload,
  contenders: readonly BuildContender[],
  given: { readonly folder: string; readonly runs: number },
): Promise<ReadonlyMap<BuildContender["name"], readonly number[]>> {
  const made = join(given.folder, "context");
  workload.make(made);
  const taken = new Map(contenders.map(({ name }) => [name, [] as number[]]));
  for (let run = -1; run < Math.min(given.runs, workload.mostRuns); run++) {
    for (const { name, build } of contenders) {
      const own = workload.isSeenFirst ? join(given.folder, `context-${run}-${name}`) : made;
      if (own !== made) cpSync(made, own, { recursive: true });
      const argv = build(own, { isCold: workload.isCold, tag: "bench-build" });
      const begin = performance.now();
      await command(argv);
      if (run >= 0) taken.get(name)?.push((performance.now() - begin) / 1000);
    }
  }
  // not before: ext4 gives new files no place that was freed in the last minute, and looks at each such
  await command(["rm", "-rf", given.folder]);
  return taken;
}
