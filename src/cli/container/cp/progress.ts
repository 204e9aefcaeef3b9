import { formatDecimalSize } from "#base/sizes.ts";
import type { Output } from "#cli/output/streams.ts";

const UPDATE_MS = 75;
const SAVE = "\x1b[s";
const RESTORE = "\x1b[u";
const ERASE_LINE = "\x1b[2K";
const ERASE_REST = "\x1b[0K";
const HIDE = "\x1b[?25l";
const SHOW = "\x1b[?25h";

export interface CopyProgress extends Disposable {
  count(bytes: number): void;
  /** Takes the progress away, and says what was copied where. */
  finish(target: string): void;
}

/** What is copied, on standard error; only a terminal sees it grow. */
export function openCopyProgress(output: Output, header: string, isQuiet: boolean): CopyProgress {
  let total = 0;
  if (isQuiet) return { count: () => {}, finish: () => {}, [Symbol.dispose]: () => {} };
  let shown = -1;
  const show = (): void => {
    if (total === shown) return;
    shown = total;
    output.write(`\x1b[${header.length + 1}G${ERASE_REST}${size(total)}`);
  };
  let timer: ReturnType<typeof setInterval> | undefined;
  if (output.isTerminal) {
    output.write(`${SAVE}${HIDE}${header}${size(0)}`);
    timer = setInterval(show, UPDATE_MS);
  }
  const clear = (): void => {
    if (timer === undefined) return;
    clearInterval(timer);
    timer = undefined;
    output.write(`${RESTORE}${ERASE_LINE}${SHOW}`);
  };
  return {
    count: (bytes) => void (total += bytes),
    finish: (target) => {
      clear();
      output.write(`Successfully copied ${size(total)} to ${target}\n`);
    },
    [Symbol.dispose]: clear,
  };
}

function size(bytes: number): string {
  return formatDecimalSize(bytes, 3);
}
