/** The step of a build's progress whose log tells why steps were done: a line of JSON each. Ours alone. */
export const WHY_VERTEX = "[internal] why steps are done";
/** Frontend attribute that asks for it. */
export const WHY_ATTRIBUTE = "why";

/** One thing that kept a step from being taken from the cache. */
export type StepReason =
  | {
      readonly kind: "file";
      readonly path: string;
      readonly change: "added" | "changed" | "removed";
    }
  /** More files than are told of. */
  | { readonly kind: "more-files"; readonly count: number }
  /** ARG or ENV that the step sees. */
  | {
      readonly kind: "argument";
      readonly name: string;
      readonly change: "added" | "changed" | "removed";
    }
  /** `--chown`, `--mount`, USER, WORKDIR, …: what else the step says. */
  | { readonly kind: "flag"; readonly name: string }
  | { readonly kind: "base" }
  | { readonly kind: "step-before" }
  | { readonly kind: "instruction"; readonly before: string }
  | { readonly kind: "no-cache" }
  /** It was done before just so, and its result has been removed since. */
  | { readonly kind: "removed" }
  | { readonly kind: "new" };

/** What came of one step. */
export interface StepReport {
  /** `[stage 2/5] RUN make` */
  readonly name: string;
  readonly isCached: boolean;
  /** Empty where it was cached. */
  readonly reasons: readonly StepReason[];
}
