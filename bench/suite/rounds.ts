import type { GoalOutcome } from "./goals.ts";
import type { Result } from "./measure.ts";
import type { Summary } from "./statistics.ts";

/**
 * What all rounds come to: of each figure that of the round in the middle, of each goal every round's.
 *
 * @param rounds Results of all workloads, round by round.
 */
export function combineRounds(rounds: readonly (readonly Result[])[]): readonly Result[] {
  const [first = []] = rounds;
  return first.map((one) => {
    const all = rounds.flatMap(
      (round) => round.find(({ workload }) => workload === one.workload) ?? [],
    );
    const names = new Set(all.flatMap(({ figures }) => [...figures.keys()]));
    const figures = [...names].flatMap((name) => {
      const middle = middleOf(all.flatMap((result) => result.figures.get(name) ?? []));
      return middle ? [[name, middle] as const] : [];
    });
    return {
      ...one,
      figures: new Map(figures),
      failures: new Map(all.flatMap(({ failures }) => [...failures])),
      goals: combineGoals(all),
    };
  });
}

/** Goals that a round says nothing of, because a peer failed there, keep those of the others. */
function combineGoals(all: readonly Result[]): readonly GoalOutcome[] {
  const longest = all.reduce<readonly GoalOutcome[]>(
    (most, { goals }) => (goals.length > most.length ? goals : most),
    [],
  );
  return longest.map(({ atMost }, index) => ({
    atMost,
    figures: all
      .filter(({ goals }) => goals.length === longest.length)
      .flatMap(({ goals }) => goals[index]?.figures ?? []),
  }));
}

function middleOf(summaries: readonly Summary[]): Summary | undefined {
  const sorted = summaries.toSorted((a, b) => a.median - b.median);
  return sorted[Math.floor((sorted.length - 1) / 2)];
}
