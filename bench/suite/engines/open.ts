import { existsSync } from "node:fs";
import { run } from "../command.ts";
import type { Contender } from "../contender.ts";
import { type Bench, type RuntimeName, type RuntimePrograms, RUNTIMES } from "../workload.ts";
import { openDocker } from "./docker.ts";
import { type Floor, openFloor } from "./floor.ts";
import { openPeersRoot } from "./peers-root.ts";
import { openPodman } from "./podman.ts";
import { openWharf } from "./wharf.ts";

const UNIFIED = "/sys/fs/cgroup/unified";

export interface Engines extends AsyncDisposable {
  readonly contenders: readonly Contender[];
  readonly floor: Floor;
  /** All engines start these very files. */
  readonly runtimes: RuntimePrograms;
}

/** Starts every engine with the image `busybox`, ours first. @param peers Of docker and podman, those wanted. */
export async function openEngines(bench: Bench, peers: readonly string[]): Promise<Engines> {
  await using open = new AsyncDisposableStack();
  const host = existsSync(UNIFIED) ? open.use(await hideSecondCgroupVersion()).pid : undefined;
  const root = peers.length === 0 ? undefined : open.use(await openPeersRoot(bench));
  const runtimes = root?.runtimes ?? installedRuntimes();
  if (!runtimes.has(bench.runtime)) throw new Error(`${bench.runtime} is not installed`);
  const contenders: Contender[] = [open.use(await openWharf(bench, runtimes, host))];
  if (root && peers.includes("docker")) contenders.push(open.use(await openDocker(bench, root)));
  if (root && peers.includes("podman")) contenders.push(open.use(await openPodman(bench, root)));
  const tar = `${bench.folder}/busybox.tar`;
  await run(["bash", "-c", `. scripts/lib/common.sh; make_busybox_tar ${tar}`]);
  for (const contender of contenders) {
    await contender.cli(["import", "-c", 'CMD ["sh"]', tar, "busybox:latest"]);
  }
  const floor = await openFloor(bench, runtimes, tar);
  const owned = open.move();
  return { contenders, floor, runtimes, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function installedRuntimes(): RuntimePrograms {
  const found = RUNTIMES.flatMap((name): readonly [RuntimeName, string][] => {
    const program = Bun.which(name);
    return program === null ? [] : [[name, program]];
  });
  return new Map(found);
}

/**
 * crun refuses a host with both versions of cgroups: hides the newer one from this run, where it is next to empty.
 *
 * @returns A process whose mount namespace still shows it.
 */
async function hideSecondCgroupVersion(): Promise<AsyncDisposable & { readonly pid: number }> {
  const holder = Bun.spawn(
    ["unshare", "--mount", "--propagation", "private", "sh", "-c", "echo; exec sleep infinity"],
    { stdin: "ignore", stdout: "pipe" },
  );
  for await (const _ready of holder.stdout) break;
  await run(["mount", "-t", "tmpfs", "tmpfs", UNIFIED]);
  return {
    pid: holder.pid,
    [Symbol.asyncDispose]: async () => {
      holder.kill("SIGKILL");
      await holder.exited;
    },
  };
}
