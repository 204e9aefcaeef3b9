import type { Engines } from "./engines/open.ts";
import { measure, type Result } from "./measure.ts";
import type { Family, Workload } from "./workload.ts";

export interface Choice {
  readonly runs: number;
  /** Words of names: of families, or of workloads; all when empty. */
  readonly only: readonly string[];
  /** Without what takes minutes, which an earlier round has measured. */
  readonly isLaterRound: boolean;
}

/** Words that choose nothing. */
export function idleWords(families: readonly Family[], only: readonly string[]): readonly string[] {
  return only.filter(
    (word) =>
      !families.some((family) => family.workloads.some((one) => isChosen(family, one, [word]))),
  );
}

/** Yields each result as it comes; a family's leftovers are gone before the next begins. */
export async function* runFamilies(
  families: readonly Family[],
  engines: Pick<Engines, "contenders" | "floor">,
  choice: Choice,
): AsyncGenerator<Result> {
  for (const family of families) {
    const wanted = family.workloads.filter(
      (workload) => isChosen(family, workload, choice.only) && isDue(workload, choice),
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

function isChosen(family: Family, { name }: Workload, only: Choice["only"]): boolean {
  return only.length === 0 || only.some((word) => family.name === word || name.includes(word));
}

function isDue({ takesMinutes = false }: Workload, { isLaterRound }: Choice): boolean {
  return !(takesMinutes && isLaterRound);
}
