import type { Style } from "#cli/output/colors.ts";
import type { WindowSize } from "#libc/terminals.ts";
import type { StatusResponse } from "#spec/buildkit/control.ts";
import type { BuildView } from "./build-view.ts";
import { widthOf } from "./cells.ts";
import { failedSteps } from "./failed-steps.ts";
import { Steps } from "./steps.ts";
import { drawTree, type TreeLine } from "./tree.ts";

/** How often times are brought up to date. */
const REDRAW_MS = 150;
const FALLBACK_SIZE: WindowSize = { columns: 80, rows: 24 };

export interface TreeViewOptions {
  readonly write: (text: string) => void;
  /** Asked before each drawing: the window may have another size by then. */
  readonly size: () => WindowSize | undefined;
  readonly style: (style: Style, text: string) => string;
  readonly title: string;
  /** Milliseconds since 1970. */
  readonly nowMs: () => number;
}

/** A block on a terminal that is redrawn in place; it stands whole when the build has ended. */
export class TreeView implements BuildView {
  readonly #options: TreeViewOptions;
  readonly #steps = new Steps();
  readonly #beganMs: number;
  readonly #timer: ReturnType<typeof setInterval>;
  /** Cells of each line that stands there. */
  #drawn: readonly number[] = [];
  /** How far the engine's clock is ahead of ours. */
  #aheadMs: number | undefined;
  #isDirty = false;
  #drawnMs = 0;

  constructor(options: TreeViewOptions) {
    this.#options = options;
    this.#beganMs = options.nowMs();
    this.#timer = setInterval(() => this.#draw(false), REDRAW_MS);
  }

  onStatus(status: StatusResponse): void {
    this.#steps.apply(status);
    for (const step of this.#steps.byDigest.values()) {
      if (step.startedMs !== undefined) this.#aheadMs ??= step.startedMs - this.#options.nowMs();
      step.lines.length = 0; // the last ones are enough
    }
    this.#isDirty = true;
    if (this.#options.nowMs() - this.#drawnMs >= REDRAW_MS) this.#draw(false);
  }

  end(): void {
    clearInterval(this.#timer);
    for (const step of this.#steps.byDigest.values()) {
      if (step.completedMs !== undefined) this.#steps.flush(step);
    }
    this.#draw(true);
    this.#options.write(failedSteps(this.#steps.byDigest.values()));
  }

  #draw(isFinished: boolean): void {
    const { nowMs, size, style, title, write } = this.#options;
    const now = nowMs();
    const steps = [...this.#steps.byDigest.values()];
    const isRunning = steps.some((step) => step.startedMs !== undefined && !step.completedMs);
    if (steps.length === 0 || (!isFinished && !this.#isDirty && !isRunning)) return;
    this.#isDirty = false;
    this.#drawnMs = now;
    const window = size() ?? FALLBACK_SIZE;
    const state = {
      steps,
      elapsedSeconds: (now - this.#beganMs) / 1000,
      nowMs: now + (this.#aheadMs ?? 0),
      isFinished,
      title,
    };
    const lines = drawTree(state, window);
    write(`${this.#back(window)}${lines.map((line) => `${shown(line, style)}\n`).join("")}`);
    this.#drawn = lines.map(({ text }) => widthOf(text));
  }

  /** To the block's first line, with all of it cleared. In a window that has become narrower its lines are folded. */
  #back({ columns }: WindowSize): string {
    const rows = this.#drawn.reduce(
      (sum, cells) => sum + Math.max(1, Math.ceil(cells / Math.max(1, columns))),
      0,
    );
    return rows === 0 ? "" : `\x1b[${rows}A\r\x1b[J`;
  }
}

function shown({ text, style: name }: TreeLine, style: TreeViewOptions["style"]): string {
  return name === undefined ? text : style(name, text);
}
