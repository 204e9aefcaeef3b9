import type { WindowSize } from "#libc/terminals.ts";
import type { Style } from "#cli/output/colors.ts";
import { fit, plainLine, widthOf } from "./cells.ts";
import { statusBytes, statusSeconds } from "./status-text.ts";
import { isCancelled, type StepView, stepSeconds } from "./steps.ts";

/** One line of the block, without its newline. */
export interface TreeLine {
  /** Takes no more cells than the terminal has. */
  readonly text: string;
  readonly style: Style | undefined;
}

/** How a build stands at one moment. */
export interface TreeState {
  readonly steps: readonly StepView[];
  readonly elapsedSeconds: number;
  /** In the engine's time, in which the steps began. */
  readonly nowMs: number;
  readonly isFinished: boolean;
  /** Stands at the right of the first line, where there is room. */
  readonly title: string;
}

/** Lines of a running step's output that are shown. */
const LOG_LINES = 6;
/** The title has so many cells between itself and what stands before. */
const TITLE_GAP = 2;

/**
 * Draws a build as buildx does: a line a step with its time at the right, below it what it says.
 *
 * @param size A build that goes on fits it; one that has finished is shown whole.
 */
export function drawTree(state: TreeState, size: WindowSize): readonly TreeLine[] {
  const begun = state.steps.filter(({ startedMs }) => startedMs !== undefined);
  const done = begun.filter(isDone).length;
  const count = `(${done}/${Math.max(state.steps.length, done)})`;
  const finished = state.isFinished ? " FINISHED" : "";
  const first = `[+] Building ${state.elapsedSeconds.toFixed(1)}s ${count}${finished}`;
  const columns = Math.max(1, size.columns);
  const header: TreeLine = { text: withRight(first, state.title, columns), style: undefined };
  const blocks = begun.map((step) => drawStep(step, state, columns));
  if (state.isFinished) return [header, ...blocks.flat()];
  return [header, ...fitting(begun, blocks, Math.max(1, size.rows - 2))];
}

/** Drops ended steps first, the oldest first; then output; then what is left over. */
function fitting(
  steps: readonly StepView[],
  blocks: readonly (readonly TreeLine[])[],
  rows: number,
): readonly TreeLine[] {
  let total = blocks.reduce((sum, block) => sum + block.length, 0);
  const shown = blocks.map((block, index) => {
    const step = steps[index];
    if (total <= rows || !step || !isDone(step)) return block;
    total -= block.length;
    return [];
  });
  const cut = shown.map((block) => {
    const most = Math.max(1, block.length - Math.max(0, total - rows));
    if (block.length <= most) return block;
    total -= block.length - most;
    // the last lines of the output, below the step's own
    return [...block.slice(0, 1), ...block.slice(block.length - (most - 1))].slice(0, most);
  });
  return cut.flat().slice(-rows);
}

function drawStep(step: StepView, { nowMs, isFinished }: TreeState, columns: number): TreeLine[] {
  const ended = isDone(step);
  const running = Math.max(0, nowMs - (step.startedMs ?? nowMs)) / 1000;
  const seconds = ended ? stepSeconds(step) : running;
  const state = stateOf(step);
  const name = `${state === "" ? "" : `${state} `}${plainLine(step.name)}`;
  const lines: TreeLine[] = [
    { text: timed(` => ${name}`, seconds, columns), style: styleOf(step) },
  ];
  for (const status of step.statuses.values()) {
    const text = ` => => ${plainLine(status.id)}${statusBytes(status)}`;
    const style = status.completed ? "blue" : undefined;
    lines.push({ text: timed(text, statusSeconds(status), columns), style });
  }
  if (ended || isFinished) return lines;
  const partial = step.partial === "" ? [] : [step.partial];
  const said = [...step.lastLines.map(({ text }) => text), ...partial].slice(-LOG_LINES);
  for (const text of said) {
    lines.push({ text: fit(` => => # ${plainLine(text)}`, columns), style: "dim" });
  }
  return lines;
}

function stateOf(step: StepView): string {
  if (isCancelled(step)) return "CANCELED";
  if (step.error !== "") return "ERROR";
  return step.isCached ? "CACHED" : "";
}

function styleOf(step: StepView): Style | undefined {
  if (isCancelled(step)) return "yellow";
  if (step.error !== "") return "red";
  return isDone(step) ? "blue" : undefined;
}

function timed(text: string, seconds: number, columns: number): string {
  const time = ` ${seconds.toFixed(1)}s`;
  const room = columns - time.length;
  // too narrow for both: the name says more
  if (room < 12) return fit(text, columns);
  const name = fit(text, room);
  return `${name}${" ".repeat(Math.max(0, room - widthOf(name)))}${time}`;
}

function withRight(text: string, right: string, columns: number): string {
  const room = columns - widthOf(text) - widthOf(right);
  if (right === "" || room < TITLE_GAP) return fit(text, columns);
  return `${text}${" ".repeat(room)}${right}`;
}

function isDone({ completedMs }: StepView): boolean {
  return completedMs !== undefined;
}
