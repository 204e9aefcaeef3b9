import type { Contender } from "./contender.ts";
import type { Floor } from "./engines/floor.ts";
import { checkGoals, FLOOR, type GoalOutcome } from "./goals.ts";
import { type Summary, summarise } from "./statistics.ts";
import type { Workload } from "./workload.ts";

/** What came of one workload. */
export interface Result {
  readonly workload: string;
  readonly unit: Workload["unit"];
  readonly isMoreBetter: boolean;
  /** By contender; `floor` is the bare runtime's. */
  readonly figures: ReadonlyMap<string, Summary>;
  /** Why a contender has no figure, or fewer. */
  readonly failures: ReadonlyMap<string, string>;
  readonly goals: readonly GoalOutcome[];
}

/** Measures every contender in turn, A B C A B C: the machine's drift hits all alike. */
export async function measure(
  workload: Workload,
  all: readonly Contender[],
  floor: Floor,
  runs: number,
): Promise<Result> {
  const names = workload.contenders ?? ["wharf", "docker", "podman"];
  const failures = new Map<string, string>();
  const samples = new Map<string, number[]>();
  const taking = all.filter(({ name }) => names.includes(name));
  const attempt = async (contender: Contender, work: () => Promise<unknown>): Promise<void> => {
    if (failures.has(contender.name)) return;
    try {
      await work();
    } catch (error) {
      failures.set(contender.name, error instanceof Error ? error.message : String(error));
    }
  };
  for (const contender of taking) {
    await attempt(contender, async () => await workload.prepare?.(contender));
  }
  const first = workload.hasWarmUp === false ? 0 : -1;
  for (let turn = first; turn < Math.min(runs, workload.maxRuns ?? runs); turn += 1) {
    const note = (name: string, taken: number | readonly number[]): void => {
      if (turn >= 0) samples.set(name, (samples.get(name) ?? []).concat(taken));
    };
    if (workload.floor !== undefined) {
      note(FLOOR, await floor[workload.floorOf ?? "run"](workload.floor));
    }
    for (const contender of taking) {
      await attempt(contender, async () => {
        try {
          await workload.before?.(contender);
          note(contender.name, await workload.run(contender));
        } finally {
          await workload.after?.(contender);
        }
      });
    }
  }
  for (const contender of taking) {
    try {
      await workload.clean?.(contender);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      failures.set(contender.name, failures.get(contender.name) ?? `cleaning up: ${why}`);
    }
  }
  const figures = new Map(
    [...samples].flatMap(([name, list]) => {
      const summary = summarise(list);
      return summary ? [[name, summary] as const] : [];
    }),
  );
  const { unit, isMoreBetter = false } = workload;
  const goals = checkGoals(workload.goals ?? [], figures, unit, isMoreBetter);
  return { workload: workload.name, unit, isMoreBetter, figures, failures, goals };
}
