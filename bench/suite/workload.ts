import type { Contender } from "./contender.ts";
import type { Goal } from "./goals.ts";

/** What every family of workloads is made from. */
export interface Bench {
  /** A folder of this run's own; every engine sees it by the same path. */
  readonly folder: string;
  /** Fewer and smaller: the whole table in some minutes. */
  readonly isQuick: boolean;
  /** What engines start where a workload names no other. */
  readonly runtime: RuntimeName;
}

export type RuntimeName = "crun" | "runc";

export const RUNTIMES: readonly RuntimeName[] = ["crun", "runc"];

/** The name by which every engine knows it. */
export function engineRuntime(name: RuntimeName): string {
  return `bench-${name}`;
}

/** The program of each runtime that is there. */
export type RuntimePrograms = ReadonlyMap<RuntimeName, string>;

/** One line of the table. */
export interface Workload {
  readonly name: string;
  readonly unit: "ms" | "s" | "MB" | "1/s" | "Gbit/s";
  /** Whether more of it is better, as of rates. */
  readonly isMoreBetter?: boolean;
  /** Those that take part; docker and podman beside ours when absent. */
  readonly contenders?: readonly string[];
  /** The bare runtime that runs the same in turn. */
  readonly floor?: RuntimeName;
  /** What it does: `run` when absent. */
  readonly floorOf?: "run" | "exec";
  /** Of what takes long, fewer runs than asked for. */
  readonly maxRuns?: number;
  /** Of a benchmark that is repeated, only the first round has it. */
  readonly takesMinutes?: boolean;
  /** Whether a first run is thrown away; true when absent. */
  readonly hasWarmUp?: boolean;
  readonly goals?: readonly Goal[];
  /** Before the first run. */
  readonly prepare?: (contender: Contender) => Promise<unknown>;
  /** Before each run, outside what is measured. */
  readonly before?: (contender: Contender) => Promise<unknown>;
  /** @returns The sample, or several of them, in the workload's unit. */
  readonly run: (contender: Contender) => Promise<number | readonly number[]>;
  /** After each run, also one that failed. */
  readonly after?: (contender: Contender) => Promise<unknown>;
  /** After all runs, also when one failed. */
  readonly clean?: (contender: Contender) => Promise<unknown>;
}

/** Workloads of one file, which share what they prepare. */
export interface Family {
  readonly name: string;
  readonly workloads: readonly Workload[];
  /** After the last of them; nothing of what it removes needs to be there. */
  readonly clean?: (contender: Contender) => Promise<unknown>;
}
