import type { Output } from "#cli/output/streams.ts";
import type { OnProgress, ProgressEvent } from "#compose/act/progress.ts";
import { idOf, isWorking, plainLine, type Progress } from "./progress-lines.ts";

interface Item {
  readonly id: string;
  /** Of what it is a part. */
  readonly parent: string | undefined;
  readonly text: string;
  readonly isDone: boolean;
  readonly startedAtMs: number;
  readonly changedAtMs: number;
}

/** One line a thing, what is a part of it indented below, written again as something changes. */
export class LiveList implements Progress {
  readonly #output: Output;
  readonly #now: () => Date;
  readonly #items = new Map<string, Item>();
  #drawn = 0;
  #isPlain = false;

  constructor(output: Output, now: () => Date) {
    this.#output = output;
    this.#now = now;
  }

  readonly report: OnProgress = (event) => {
    if (this.#isPlain) {
      this.#output.write(`${plainLine(event)}\n`);
      return;
    }
    this.#keep(event);
    this.#draw();
  };

  #keep(event: ProgressEvent): void {
    const { status, parent } = event;
    const id = idOf(event);
    const key = `${parent ?? ""}/${id}`;
    const changedAtMs = this.#now().getTime();
    const startedAtMs = this.#items.get(key)?.startedAtMs ?? changedAtMs;
    const isDone = !isWorking(status);
    this.#items.set(key, { id, parent, text: status, isDone, startedAtMs, changedAtMs });
  }

  #draw(): void {
    const { columns = 80, rows = 24 } = this.#output.windowSize() ?? {};
    const all = [...this.#items.values()];
    const tops = all.filter(({ parent }) => parent === undefined);
    const done = tops.filter(({ isDone }) => isDone).length;
    const lines = [
      `[+] ${done}/${tops.length}`,
      ...fitting(all, Math.max(1, rows - 2)).map((item) => lineOf(item, columns - 1)),
    ];
    const up = this.#drawn === 0 ? "" : `\u001b[${this.#drawn}A`;
    this.#output.write(`${up}\u001b[J${lines.join("\n")}\n`);
    this.#drawn = lines.length;
  }

  settle(): void {
    this.#drawn = 0;
    this.#items.clear();
  }

  flow(): void {
    this.settle();
    this.#isPlain = true;
  }
}

/** Each with its parts below; where the terminal is too small for all, what is done leaves the list first. */
function fitting(all: readonly Item[], rows: number): readonly Item[] {
  const tree = (items: readonly Item[]): readonly Item[] =>
    items
      .filter(({ parent }) => parent === undefined)
      .flatMap((top) => [top, ...items.filter(({ parent }) => parent === top.id)]);
  const whole = tree(all);
  if (whole.length <= rows) return whole;
  const withoutParts = tree(all.filter(({ parent, isDone }) => parent === undefined || !isDone));
  if (withoutParts.length <= rows) return withoutParts;
  return tree(all.filter(({ isDone }) => !isDone)).slice(0, rows);
}

/** Its time stands at the right edge, where there is room. */
function lineOf(
  { id, parent, text, isDone, startedAtMs, changedAtMs }: Item,
  width: number,
): string {
  const mark = isDone ? "✔" : "⠿";
  const left = `${parent === undefined ? " " : "   "}${mark} ${id}  ${text}`.slice(0, width);
  const time = `${((changedAtMs - startedAtMs) / 1000).toFixed(1)}s`;
  const room = width - left.length - time.length;
  return room < 1 ? left : `${left}${" ".repeat(room)}${time}`;
}
