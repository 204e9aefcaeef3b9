import type { Result } from "../measure.ts";

export interface Circumstances {
  readonly machine: string;
  readonly versions: readonly string[];
  readonly runtime: string;
  readonly runs: number;
  /** How often all was measured. */
  readonly rounds: number;
}

/** Everything measured, for programs. */
export function toJson(circumstances: Circumstances, results: readonly Result[]): string {
  const workloads = results.map(({ figures, failures, ...rest }) => ({
    ...rest,
    figures: Object.fromEntries(figures),
    failures: Object.fromEntries(failures),
  }));
  return JSON.stringify({ ...circumstances, workloads }, undefined, 2);
}
