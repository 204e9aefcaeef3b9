import type { StepReason } from "#spec/buildkit/step-report.ts";
import type { StepInputs } from "./step-inputs.ts";

/** What is around a step when it is done. */
export interface StepSurroundings {
  readonly isUncached: boolean;
  /** Undefined for the first of its stage. */
  readonly isBeforeCached: boolean | undefined;
}

/** Files that are told of one by one. */
const MOST_FILES = 50;

/**
 * Why a step was not taken from the cache: what differs from the nearest of the earlier ones. Pure.
 *
 * @param earlier Steps with the same text, or at the same place.
 */
export function explainStep(
  now: StepInputs,
  earlier: readonly StepInputs[],
  surroundings: StepSurroundings,
): readonly StepReason[] {
  if (surroundings.isUncached) return [{ kind: "no-cache" }];
  const compared = earlier
    .map((before) => ({ before, reasons: differences(before, now, surroundings) }))
    .toSorted(
      (left, right) =>
        Number(right.before.title === now.title) - Number(left.before.title === now.title) ||
        left.reasons.length - right.reasons.length ||
        right.before.doneMs - left.before.doneMs,
    );
  const [nearest] = compared;
  if (!nearest) return [{ kind: "new" }];
  const { before, reasons } = nearest;
  if (before.title !== now.title) return [{ kind: "instruction", before: before.title }];
  if (reasons.length === 0) return [{ kind: "removed" }];
  const files = reasons.filter(({ kind }) => kind === "file");
  const others = reasons.filter(({ kind }) => kind !== "file");
  const count = files.length - MOST_FILES;
  return [
    ...others,
    ...files.slice(0, MOST_FILES),
    ...(count > 0 ? [{ kind: "more-files", count } as const] : []),
  ];
}

function differences(
  before: StepInputs,
  now: StepInputs,
  { isBeforeCached }: StepSurroundings,
): readonly StepReason[] {
  const isParentOther = before.parent !== now.parent;
  const files = changed(before.files, now.files).map(
    ([path, change]): StepReason => ({ kind: "file", path, change }),
  );
  const isContentOther = before.content !== now.content;
  return [
    ...(isParentOther
      ? [{ kind: isBeforeCached === undefined ? "base" : "step-before" } as const]
      : []),
    ...changed(before.environment, now.environment).map(
      ([name, change]): StepReason => ({ kind: "argument", name, change }),
    ),
    ...changed(before.flags, now.flags).map(
      ([name]): StepReason =>
        name === "command" ? { kind: "instruction", before: before.title } : { kind: "flag", name },
    ),
    ...(isContentOther ? files : []),
    // what changed is beyond the files that are listed
    ...(isContentOther && files.length === 0 ? [{ kind: "more-files", count: 1 } as const] : []),
  ];
}

type Change = "added" | "changed" | "removed";

function changed(
  before: Readonly<Record<string, string>>,
  now: Readonly<Record<string, string>>,
): readonly (readonly [name: string, change: Change])[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(now)])].toSorted();
  return names.flatMap((name): readonly (readonly [string, Change])[] => {
    const [old, current] = [before[name], now[name]];
    if (old === current) return [];
    return [[name, old === undefined ? "added" : current === undefined ? "removed" : "changed"]];
  });
}
