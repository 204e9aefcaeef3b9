import { readdirSync, readFileSync } from "node:fs";

const TICKS_PER_SECOND = 100;

/** What a daemon and its child processes took while something ran. */
export interface Usage {
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
  /** Largest proportional set size of the daemon alone, in MB. */
  readonly daemonMegabytes: number;
  /** The same of daemon and children together. */
  readonly allMegabytes: number;
}

/** Watches a daemon while `work` runs. */
export async function usageOf(pid: number, work: () => Promise<void>): Promise<Usage> {
  const cpuBefore = cpuSeconds(pid);
  let daemonMegabytes = 0;
  let allMegabytes = 0;
  const sample = (): void => {
    const daemon = pssMegabytes(pid);
    const children = childrenOf(pid).map(pssMegabytes);
    daemonMegabytes = Math.max(daemonMegabytes, daemon);
    allMegabytes = Math.max(
      allMegabytes,
      children.reduce((sum, one) => sum + one, daemon),
    );
  };
  const sampler = setInterval(sample, 250);
  const begin = performance.now();
  try {
    await work();
  } finally {
    clearInterval(sampler);
  }
  const wallSeconds = (performance.now() - begin) / 1000;
  sample();
  return { wallSeconds, cpuSeconds: cpuSeconds(pid) - cpuBefore, daemonMegabytes, allMegabytes };
}

/** The process that listens on a socket, by its command line. */
export function findDaemon(socket: string): number {
  for (const name of readdirSync("/proc").filter((one) => /^\d+$/.test(one))) {
    const argv = read(`/proc/${name}/cmdline`).split("\0");
    if (argv[0]?.endsWith("dockerd") && argv.includes(socket)) return Number(name);
  }
  throw new Error(`No dockerd with ${socket} runs here`);
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // it has ended
  }
}

/** Of it and all children that it has waited for. */
function cpuSeconds(pid: number): number {
  const fields = read(`/proc/${pid}/stat`)
    .replace(/^.*\) /, "")
    .split(" ");
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS_PER_SECOND;
}

function pssMegabytes(pid: number): number {
  const found = /^Pss:\s+(\d+) kB/m.exec(read(`/proc/${pid}/smaps_rollup`));
  return Number(found?.[1] ?? 0) / 1024;
}

function childrenOf(pid: number): readonly number[] {
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.flatMap((thread) =>
    read(`/proc/${pid}/task/${thread}/children`)
      .split(" ")
      .filter((text) => text !== "")
      .map(Number),
  );
}
