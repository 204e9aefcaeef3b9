import { bestPeer, goalText, isMet, verdictOf } from "../goals.ts";
import type { Result } from "../measure.ts";
import { spreadOf, type Summary } from "../statistics.ts";

const WIDTHS = [34, 16, 16, 16, 16, 8] as const;
const COLUMNS = ["wharf", "docker", "podman", "floor"] as const;

/** Heads of the columns: a row's figures are medians, with half the distance of the quartiles. */
export function tableHead(): string {
  return row(["workload", "wharf", "docker", "podman", "bare runtime", "ratio"]) + "goal";
}

/** One line, and a line for each failure. The ratio is ours by the best peer's; of rates the peer's by ours. */
export function tableRow(result: Result): string {
  const cells = COLUMNS.map((name) => showFigure(result, name));
  const ratio = ratioOf(result);
  const goals = result.goals.map((goal) => {
    const verdict = verdictOf(goal);
    return `${isMet(goal) ? verdict : verdict.replace("missed", "MISSED")}: ${goalText(goal)}`;
  });
  const line = row([`${result.workload}, ${result.unit}`, ...cells, ratio]) + goals.join("; ");
  const failures = [...result.failures].map(([name, why]) => `  ${name} FAILED: ${why}`);
  return [line.trimEnd(), ...failures].join("\n");
}

/** Ours by the best peer's, of rates the other way round: less is better. */
export function ratioOf({ figures, isMoreBetter }: Result): string {
  const ours = figures.get("wharf");
  const peer = bestPeer(figures, isMoreBetter);
  if (!ours || !peer) return "";
  return (isMoreBetter ? peer.median / ours.median : ours.median / peer.median).toFixed(2);
}

export function showFigure({ figures }: Result, name: string): string {
  const summary = figures.get(name);
  return summary ? `${showNumber(summary.median)}${showSpread(summary)}` : "–";
}

function showSpread(summary: Summary): string {
  if (summary.count < 3 || summary.median === 0) return "";
  return ` ±${(spreadOf(summary) * 100).toFixed(0)} %`;
}

export function showNumber(figure: number): string {
  if (figure >= 100) return figure.toFixed(0);
  return figure.toFixed(figure >= 10 ? 1 : 2);
}

function row(cells: readonly string[]): string {
  return cells.map((cell, index) => `${cell} `.padEnd(WIDTHS[index] ?? 0)).join("");
}
