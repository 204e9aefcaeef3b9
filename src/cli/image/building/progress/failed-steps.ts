import { isCancelled, type StepView } from "./steps.ts";

const RULE = "------";

/** The last lines of each step that has failed, once more. */
export function failedSteps(steps: Iterable<StepView>): string {
  return [...steps]
    .filter((step) => step.error !== "" && !isCancelled(step))
    .map(({ name, lastLines }) => {
      const lines = lastLines.map(({ text, seconds }) => `${seconds.toFixed(3)} ${text}`);
      return [RULE, ` > ${name}:`, ...lines, RULE, ""].join("\n");
    })
    .join("");
}
