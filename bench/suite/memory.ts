import { readdirSync, readFileSync } from "node:fs";
import type { Contender } from "./contender.ts";

/** Proportional set size of everything that an engine keeps running beside its containers, in MB. */
export function engineMegabytes({ traces }: Contender): number {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      const command = read(`/proc/${pid}/cmdline`);
      return traces.some((trace) => command.includes(trace));
    })
    .reduce((sum, pid) => sum + pssMegabytes(pid), 0);
}

function pssMegabytes(pid: string): number {
  const kilobytes = /^Pss:\s+(\d+) kB/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1];
  return Number(kilobytes ?? 0) / 1024;
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // it has ended
  }
}
