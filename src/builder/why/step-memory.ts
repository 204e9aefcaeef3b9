import type { Collection, CollectionDefinition, Store } from "#store/store.ts";
import type { StepInputs } from "./step-inputs.ts";

/** What steps depended on when they were done; the key is the step's. */
const STEP_INPUTS: CollectionDefinition<StepInputs> = {
  name: "buildsteps",
  version: 1,
  // to be told why is no need of an engine that has lost power
  survives: "crash",
  indexes: { title: ({ title }) => [title], place: ({ place }) => [place] },
};

/** Steps with one text that are remembered, and steps in all. */
const MOST_ALIKE = 4;
const MOST_STEPS = 1000;

/** Remembers, within bounds, what steps depended on. */
export class StepMemory {
  readonly #steps: Collection<StepInputs>;

  constructor(store: Pick<Store, "collection">) {
    this.#steps = store.collection(STEP_INPUTS);
  }

  /** Earlier steps that this one may be compared with. */
  alike({ title, place }: Pick<StepInputs, "title" | "place">): readonly StepInputs[] {
    const found = new Map([
      ...this.#steps.findBy("title", title),
      ...this.#steps.findBy("place", place),
    ]);
    return [...found.values()];
  }

  remember(key: string, inputs: StepInputs): void {
    this.#steps.put(key, inputs);
    this.#forget(this.#steps.findBy("title", inputs.title), MOST_ALIKE);
    if (this.#steps.count() > MOST_STEPS) this.#forget(this.#steps.entries(), MOST_STEPS / 2);
  }

  #forget(all: readonly (readonly [string, StepInputs])[], keep: number): void {
    if (all.length <= keep) return;
    const newestFirst = all.toSorted(([, left], [, right]) => right.doneMs - left.doneMs);
    for (const [key] of newestFirst.slice(keep)) this.#steps.delete(key);
  }
}
