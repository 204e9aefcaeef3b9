import type { Counts } from "./system-calls.ts";

/** More than this share above the budget is too much. */
const TOLERANCE = 0.05;
/** So much is nobody's fault: a timer of the engine's own that happened to run. */
const SLACK = 0.5;

/** What one round of each operation may take. */
export interface Budget {
  /** The calls depend on both: elsewhere the budget says nothing. */
  readonly cgroups: string;
  readonly runtime: string;
  readonly operations: Readonly<Record<string, Counts>>;
}

/** @returns What one round takes, of what `rounds` took; to two places. */
export function perRound(counts: Counts, rounds: number): Counts {
  return Object.fromEntries(
    Object.entries(counts).map(([name, count]) => [name, Math.round((count / rounds) * 100) / 100]),
  );
}

/** One line for each quantity that is above its budget, or has none; empty when all is well. */
export function findExcess(budget: Counts, found: Counts): readonly string[] {
  return Object.entries(found).flatMap(([name, count]) => {
    const most = budget[name] ?? 0;
    if (count <= most * (1 + TOLERANCE) + SLACK) return [];
    return [`${name}: ${count}, at most ${most}`];
  });
}

/** One line for each quantity that became clearly less: the budget may be recorded anew. */
export function findSavings(budget: Counts, found: Counts): readonly string[] {
  return Object.entries(budget).flatMap(([name, most]) => {
    const count = found[name] ?? 0;
    if (count >= most * (1 - TOLERANCE) - SLACK) return [];
    return [`${name}: ${count}, before ${most}`];
  });
}
