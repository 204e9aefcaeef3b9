import { cpSync, existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { BUILD_WORKLOADS, type BuildWorkload } from "../build/workloads.ts";
import { run, timed } from "../suite/command.ts";
import type { Contender } from "../suite/contender.ts";
import { folderAt } from "../suite/isolation.ts";
import type { Bench, Family, Workload } from "../suite/workload.ts";
import { fewRuns } from "./shared.ts";

/** Too long for a quick look. */
const SLOW = /20,000|1 GB/;
const TAG = "bench-build";

/** Builds by our builder, BuildKit and buildah, whose images are podman's; `npm run bench:build` looks closer. */
export function buildsFamily(bench: Bench): Family {
  const wanted = BUILD_WORKLOADS.filter(({ name }) => !bench.isQuick || !SLOW.test(name));
  return {
    name: "builds",
    workloads: wanted.map((build) => toWorkload(bench, build)),
    clean: async ({ cli }) => await cli(["rmi", "-f", TAG]),
  };
}

function toWorkload(bench: Bench, build: BuildWorkload): Workload {
  const folder = folderAt(bench.folder, "builds");
  const made = join(folder, build.name.replaceAll(/[^0-9A-Za-z]+/g, "-"));
  const own = ({ name }: Contender): string => (build.isSeenFirst ? `${made}-${name}` : made);
  const make = (): void => {
    if (!existsSync(made)) build.make(made);
  };
  const goal = build.mostRatio;
  return {
    name: `build ${build.name}`,
    unit: "ms",
    ...fewRuns(bench, build.mostRuns),
    takesMinutes: SLOW.test(build.name),
    ...(goal === undefined ? {} : { goals: [{ kind: "ratio", against: "peer", atMost: goal }] }),
    prepare: async () => make(),
    before: async (contender) => {
      if (build.isSeenFirst) cpSync(made, own(contender), { recursive: true });
    },
    run: async (contender) => {
      const cold = build.isCold ? ["--no-cache"] : [];
      const words = ["build", "-q", ...cold, "-t", TAG];
      const argv =
        contender.builder?.([...words, ...BUILDAH_FLAGS, ...currentLimits(), own(contender)]) ??
        contender.argv([...words, own(contender)]);
      return await timed(async () => await run(argv, { env: { DOCKER_BUILDKIT: "1" } }));
    },
    after: async (contender) => {
      if (build.isSeenFirst) rmSync(own(contender), { recursive: true, force: true });
    },
    clean: async () => rmSync(made, { recursive: true, force: true }),
  };
}

/** It keeps steps only where told to. */
const BUILDAH_FLAGS: readonly string[] = ["--layers", "--pull=never"];

/** buildah's own are above what a session without CAP_SYS_RESOURCE may set. */
function currentLimits(): readonly string[] {
  const text = readFileSync("/proc/self/limits", "utf8");
  const titles = { nofile: "Max open files", nproc: "Max processes" };
  return Object.entries(titles).flatMap(([name, title]) => {
    const hard = new RegExp(`^${title}\\s+\\S+\\s+(\\d+)`, "m").exec(text)?.[1];
    return hard === undefined ? [] : ["--ulimit", `${name}=${hard}:${hard}`];
  });
}
