// `npm run bench:build`: builds beside docker's BuildKit and classic builder, and buildah. See README.md.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { addBuildx, hasBuildx } from "../test/harness/build/buildx.ts";
import { BUILD_WORKLOADS, type BuildContender, measureBuild } from "./build/workloads.ts";
import { command, startWharf } from "./engines.ts";
import { usageOf } from "./transfers/usage.ts";

const { values: options } = parseArgs({
  options: {
    runs: { type: "string", default: "5" },
    only: { type: "string" },
    json: { type: "boolean", default: false },
    peer: { type: "string" },
    buildah: { type: "string", default: "" },
    without: { type: "string", default: "" },
  },
});
const MOST_MEGABYTES = 250;
const WHARF = resolve("dist/wharf");
const DOCKER = Bun.which("docker") ?? "docker";
if (!hasBuildx) throw new Error("docker's CLI and its plugin buildx are needed");

// below /tmp, which the peers' root shares
const root = mkdtempSync("/tmp/wharf-bench-build-");
const peer = options.peer ?? (await command(["bash", "bench/peers.sh", "start"]));
const ours = `unix://${root}/wharf.sock`;
addBuildx({ root });
const buildah = options.buildah === "" ? [] : options.buildah.split(" ");
const storage = [
  "--storage-driver",
  "overlay",
  "--root",
  `${root}/buildah`,
  "--runroot",
  `${root}/buildah-run`,
];
const withEnv = (kit: 0 | 1): readonly string[] => [
  ...["env", `DOCKER_CONFIG=${root}/client`, `DOCKER_BUILDKIT=${kit}`, DOCKER],
];
const cold = (isCold: boolean): readonly string[] => (isCold ? ["--no-cache"] : []);

/** buildah's own are above what a session without CAP_SYS_RESOURCE may set. */
const OWN_LIMITS: readonly string[] = ["nofile", "nproc"].flatMap((name) => {
  const title = name === "nofile" ? "Max open files" : "Max processes";
  const text = readFileSync("/proc/self/limits", "utf8");
  const hard = new RegExp(`^${title}\\s+\\S+\\s+(\\d+)`, "m").exec(text)?.[1];
  return hard === undefined ? [] : ["--ulimit", `${name}=${hard}:${hard}`];
});

function dockerBuild(host: string, kit: 0 | 1): BuildContender["build"] {
  return (folder, { isCold, tag }) => [
    ...[...withEnv(kit), "-H", host, "build", "-q", "-t", tag],
    ...[...cold(isCold), folder],
  ];
}

const ALL: readonly BuildContender[] = [
  {
    name: "wharf",
    build: (folder, { isCold, tag }) => [
      ...[WHARF, "-H", ours, "build", "-q", "-t", tag],
      ...[...cold(isCold), folder],
    ],
  },
  { name: "wharf by buildx", build: dockerBuild(ours, 1) },
  { name: "BuildKit", build: dockerBuild(peer, 1) },
  { name: "classic", build: dockerBuild(peer, 0) },
  {
    name: "buildah",
    build: (folder, { isCold, tag }) => [
      ...[
        ...buildah,
        ...storage,
        "bud",
        "--isolation",
        "chroot",
        "-q",
        "-t",
        tag,
        "--layers",
        "--pull=never",
      ],
      ...[...OWN_LIMITS, ...cold(isCold), folder],
    ],
  },
];
const without = new Set(options.without.split(",").filter((name) => name !== ""));
const contenders = ALL.filter(
  ({ name }) => !without.has(name) && (name !== "buildah" || buildah.length > 0),
);

const median = (samples: readonly number[]): number =>
  samples.toSorted((a, b) => a - b)[Math.trunc(samples.length / 2)] ?? Number.NaN;

const daemon = await startWharf(WHARF, root, "wbbuild0");
try {
  const tar = join(root, "busybox.tar");
  await command(["bash", "-c", `. scripts/lib/common.sh; make_busybox_tar ${tar}`]);
  const importing = ["import", "-c", 'CMD ["sh"]', tar, "busybox:latest"];
  await command([WHARF, "-H", ours, ...importing]);
  await command([DOCKER, "-H", peer, ...importing]);
  if (buildah.length > 0) {
    await command([DOCKER, "-H", peer, "save", "-o", `${root}/saved.tar`, "busybox:latest"]);
    await command([...buildah, ...storage, "pull", "-q", `docker-archive:${root}/saved.tar`]);
  }
  const rows: Record<string, unknown>[] = [];
  const usage = await usageOf(daemon.pid, async () => {
    for (const [index, workload] of BUILD_WORKLOADS.entries()) {
      if (options.only && !workload.name.includes(options.only)) continue;
      const folder = join(root, `workload-${index}`);
      mkdirSync(folder);
      const taken = await measureBuild(workload, contenders, {
        folder,
        runs: Number(options.runs),
      });
      const medians = new Map([...taken].map(([name, samples]) => [name, median(samples)]));
      const [own, theirs] = [medians.get("wharf"), medians.get("BuildKit")];
      const byBuildx = medians.get("wharf by buildx");
      const ratio = own && theirs ? own / theirs : Number.NaN;
      const buildxRatio = byBuildx && theirs ? byBuildx / theirs : Number.NaN;
      const { mostRatio, mostBuildxRatio, mostSeconds } = workload;
      const misses = [
        ...(mostRatio !== undefined && ratio > mostRatio ? [`over ${mostRatio}`] : []),
        ...(mostBuildxRatio !== undefined && buildxRatio > mostBuildxRatio
          ? [`buildx over ${mostBuildxRatio}`]
          : []),
        ...(mostSeconds !== undefined && (own ?? 0) > mostSeconds ? [`over ${mostSeconds} s`] : []),
      ];
      rows.push({
        workload: workload.name,
        seconds: Object.fromEntries(medians),
        ratio,
        buildxRatio,
        misses,
      });
      if (options.json) continue;
      if (rows.length === 1) {
        const names = contenders.map(({ name }) => name.padEnd(17)).join("");
        console.log(`${"medians in s".padEnd(34)}${names}to BuildKit (by buildx)`);
      }
      const figures = contenders.map(({ name }) => (medians.get(name) ?? 0).toFixed(3).padEnd(17));
      const ratios = `${ratio.toFixed(2)} (${buildxRatio.toFixed(2)})`;
      console.log(
        `${workload.name.padEnd(34)}${figures.join("")}${ratios} ${misses.join(", ") || "ok"}`,
      );
    }
  });
  const { daemonMegabytes, allMegabytes } = usage;
  if (options.json) console.log(JSON.stringify({ rows, usage }, undefined, 2));
  else {
    const verdict = daemonMegabytes < MOST_MEGABYTES ? "ok" : `over ${MOST_MEGABYTES}`;
    console.log(
      `daemon's memory at most ${daemonMegabytes.toFixed(0)} MB, with its children ${allMegabytes.toFixed(0)} MB: ${verdict}`,
    );
  }
} finally {
  daemon.kill("SIGTERM");
  await daemon.exited;
  await command([DOCKER, "-H", peer, "image", "rm", "-f", "bench-build"], { mayFail: true });
  // what buildah mounted in the peers' root is gone with its process
  rmSync(root, { recursive: true, force: true });
  if (options.peer === undefined) await command(["bash", "bench/peers.sh", "stop"]);
}
