import { type GoalOutcome, goalText, isMet, verdictOf } from "../goals.ts";
import type { Result } from "../measure.ts";
import type { Circumstances } from "./json.ts";
import { ratioOf, showFigure } from "./table.ts";

const COLUMNS = ["wharf", "docker", "podman", "floor"] as const;

/** The page of docs/performance.md, whole. @param plot File name of the plot beside it; none when absent. */
export function toMarkdown(
  circumstances: Circumstances,
  results: readonly Result[],
  plot: string | undefined,
): string {
  const { machine, versions, runtime, runs, rounds } = circumstances;
  const isRepeated = rounds > 1;
  const goals = results.flatMap((result) => result.goals);
  const failures = results.flatMap(({ workload, failures: own }) =>
    [...own].map(([name, why]) => `- ${workload}, ${name}: ${oneLine(why)}`),
  );
  return [
    "# Performance",
    "",
    `Written by \`npm run bench${isRepeated ? ":page" : " -- --markdown docs/performance.md"}\` ([bench/README.md](../bench/README.md)): Wharf, docker and podman in one run on one machine, in turns,`,
    `with the same ${runtime}; medians of at most ${runs} runs, and half the distance of the quartiles. The ratio is ours by the best`,
    "of the others, of rates the other way round: less is better. Figures of another machine differ; ratios hardly.",
    ...(isRepeated
      ? [
          `All was measured ${rounds} times, what takes minutes in the first of them only: shown is the time in the middle, and`,
          "of each goal the ratio of every time.",
        ]
      : []),
    "",
    ...[machine, ...versions].map((line) => `- ${line}`),
    "",
    `| workload | wharf | docker | podman | bare runtime | ratio | goal |`,
    "|---|---:|---:|---:|---:|---:|---|",
    ...results.map(row),
    "",
    `${goals.filter(isMet).length} of ${goals.length} goals are met${isRepeated ? " each time" : ""}.`,
    "What no load changes, system calls, files, database pages and bytes of a `run`, an `exec` and an `rm`, has a budget that",
    "`npm test` holds ([budget.json](../bench/guard/budget.json)).",
    ...(plot === undefined ? [] : ["", `![Start latency by the number of clients](${plot})`]),
    ...(failures.length === 0 ? [] : ["", "Not measured:", "", ...failures]),
    "",
  ].join("\n");
}

function row(result: Result): string {
  const cells = [
    `${result.workload}, ${result.unit}`,
    ...COLUMNS.map((name) => showFigure(result, name)),
    ratioOf(result),
    result.goals.map(tellGoal).join("; "),
  ];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

function tellGoal(goal: GoalOutcome): string {
  return `${verdictOf(goal).replace("missed", "**missed**")}: ${goalText(goal)}`;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").slice(0, 300);
}
