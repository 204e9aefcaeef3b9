import type { Engines } from "./engines/open.ts";
import { measure, type Result } from "./measure.ts";
import type { Family } from "./workload.ts";

export interface Choice {
  readonly runs: number;
  /** Words of names: of families, or of workloads; all when empty. */
  readonly only: readonly string[];
}

/** Yields each result as it comes; a family's leftovers are gone before the next begins. */
export async function* runFamilies(
  families: readonly Family[],
  engines: Engines,
  choice: Choice,
): AsyncGenerator<Result> {
  for (const family of families) {
    const wanted = family.workloads.filter(
      ({ name }) =>
        choice.only.length === 0 ||
        choice.only.some((word) => family.name === word || name.includes(word)),
    );
    if (wanted.length === 0) continue;
    for (const workload of wanted) {
      yield await measure(workload, engines.contenders, engines.floor, choice.runs);
    }
    for (const contender of engines.contenders) {
      // what it cannot remove goes with the run's namespaces and folder
      await family.clean?.(contender).catch(console.error);
    }
  }
}
