import type { Summary } from "./statistics.ts";

/** What a figure of ours is held against. */
export type Goal =
  | {
      readonly kind: "ratio";
      /** `peer` is the best of docker and podman; `floor` the bare runtime. */
      readonly against: "docker" | "peer" | "floor";
      readonly atMost: number;
    }
  | { readonly kind: "absolute"; readonly atMost: number };

/** What one goal came to. */
export interface GoalOutcome {
  readonly atMost: number;
  /** One for each time that all was measured. */
  readonly figures: readonly GoalFigure[];
}

export interface GoalFigure {
  readonly value: number;
  /** "of docker", "of the bare runtime"; the unit of what is absolute. */
  readonly of: string;
}

export function isMet({ figures, atMost }: GoalOutcome): boolean {
  return figures.every(({ value }) => value <= atMost);
}

/** "met", "missed in 1 of 3 runs". */
export function verdictOf(outcome: GoalOutcome): string {
  const { figures, atMost } = outcome;
  const { length: runs } = figures;
  const missed = figures.filter(({ value }) => value > atMost).length;
  if (runs === 1) return missed === 0 ? "met" : "missed";
  return missed === 0 ? `met in all of ${runs} runs` : `missed in ${missed} of ${runs} runs`;
}

/** "0.11 of docker, at most 0.13"; "0.11, 0.12, 0.14 of docker, at most 0.13". */
export function goalText({ figures, atMost }: GoalOutcome): string {
  const [first] = figures;
  const isSame = figures.every(({ of }) => of === first?.of);
  const all = isSame
    ? `${figures.map(({ value }) => show(value)).join(", ")} ${first?.of ?? ""}`
    : figures.map(({ value, of }) => `${show(value)} ${of}`).join(", ");
  return `${all}, at most ${show(atMost)}`;
}

/** Figures of one workload, by contender; `floor` is the bare runtime's. */
export type Figures = ReadonlyMap<string, Summary>;

export const FLOOR = "floor";
const OURS = "wharf";

/**
 * Whether each goal is met.
 *
 * @param isMoreBetter Of rates: the ratio is then the peer's by ours, so that less is better throughout.
 * @returns None for goals whose peer, or ours, was not measured.
 */
export function checkGoals(
  goals: readonly Goal[],
  figures: Figures,
  unit: string,
  isMoreBetter = false,
): readonly GoalOutcome[] {
  const ours = figures.get(OURS)?.median;
  if (ours === undefined) return [];
  return goals.flatMap((goal) => {
    if (goal.kind === "absolute") {
      return [{ atMost: goal.atMost, figures: [{ value: ours, of: unit }] }];
    }
    const other = reference(goal.against, figures, isMoreBetter);
    if (other === undefined) return [];
    const value = isMoreBetter ? other.median / ours : ours / other.median;
    return [{ atMost: goal.atMost, figures: [{ value, of: `of ${other.name}` }] }];
  });
}

/** The best of the peers: of those measured, the least, or of rates the most. */
export function bestPeer(
  figures: Figures,
  isMoreBetter: boolean,
): { readonly name: string; readonly median: number } | undefined {
  const peers = [...figures]
    .filter(([name]) => name !== OURS && name !== FLOOR)
    .map(([name, { median }]) => ({ name, median }))
    .toSorted((a, b) => (isMoreBetter ? b.median - a.median : a.median - b.median));
  return peers[0];
}

function reference(
  against: "docker" | "peer" | "floor",
  figures: Figures,
  isMoreBetter: boolean,
): { readonly name: string; readonly median: number } | undefined {
  if (against === "peer") return bestPeer(figures, isMoreBetter);
  const found = figures.get(against);
  if (!found) return undefined;
  return { name: against === "floor" ? "the bare runtime" : against, median: found.median };
}

function show(figure: number): string {
  if (figure >= 100) return figure.toFixed(0);
  return figure >= 10 ? figure.toFixed(1) : figure.toFixed(2);
}
