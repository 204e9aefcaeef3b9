import type { StepReason, StepReport } from "#spec/buildkit/step-report.ts";

const WIDTH = 80;
const LABEL_WIDTH = 10;

/** Why steps were not taken from the cache, in 80 columns; with a final newline. */
export function whyText(reports: readonly StepReport[]): string {
  const done = reports.filter(({ isCached }) => !isCached);
  const cached = reports.length - done.length;
  const steps = reports.length === 1 ? "1 step" : `${reports.length} steps`;
  if (done.length === 0) return `All of ${steps} came from the cache.\n`;
  const blocks = done.map(({ name, reasons }) =>
    [cut(name, WIDTH), ...reasons.map((reason) => `  ${cut(reasonText(reason), WIDTH - 2)}`)].join(
      "\n",
    ),
  );
  return `${cached} of ${steps} came from the cache. The others were done because:\n\n${blocks.join("\n\n")}\n`;
}

function cut(text: string, width: number): string {
  const line = text.replaceAll(/\s+/g, (blanks) => (blanks.includes("\n") ? " " : blanks));
  return line.length <= width ? line : `${line.slice(0, width - 1)}…`;
}

function row(label: string, text: string): string {
  return `${label.padEnd(LABEL_WIDTH)}${text}`;
}

function reasonText(reason: StepReason): string {
  switch (reason.kind) {
    case "file":
      return row("file", `${reason.path} ${wordOf(reason.change)}`);
    case "more-files":
      return row(
        "file",
        reason.count === 1 ? "another one changed" : `${reason.count} more changed`,
      );
    case "argument":
      return row("argument", `${reason.name} ${wordOf(reason.change)}`);
    case "flag":
      return row("flag", `${reason.name} changed`);
    case "base":
      return row("base", "what the stage begins with is another");
    case "step-before":
      return row("before", "the step before it was done again");
    case "instruction":
      return row("text", `it was: ${reason.before}`);
    case "no-cache":
      return row("flag", "--no-cache was given");
    case "removed":
      return row("cache", "it was done just so, and its result has been removed since");
    case "new":
      return row("new", "no step like it was done before");
  }
}

function wordOf(change: "added" | "changed" | "removed"): string {
  return change === "changed" ? "changed" : change === "added" ? "is new" : "is gone";
}

/** The same for programs. */
export function whyJson(reports: readonly StepReport[]): string {
  return `${JSON.stringify({ steps: reports }, undefined, 2)}\n`;
}
