export function median(samples: readonly number[]): number {
  return samples.toSorted((a, b) => a - b)[Math.floor(samples.length / 2)] ?? Number.NaN;
}

export function show(name: string, ...figures: readonly string[]): void {
  console.log(`${name.padEnd(44)}${figures.map((figure) => figure.padEnd(18)).join("")}`);
}

export interface Contender {
  readonly name: string;
  readonly client: readonly string[];
  /** Of its API. */
  readonly socket: string;
}

/** Figures of both engines, medians side by side. */
export class SideBySide {
  readonly #rows = new Map<string, Map<string, number[]>>();

  note(row: string, name: string, figure: number): void {
    const figures = this.#rows.get(row) ?? new Map<string, number[]>();
    this.#rows.set(row, figures);
    figures.set(name, [...(figures.get(name) ?? []), figure]);
  }

  show(contenders: readonly Contender[]): void {
    show("", ...contenders.map(({ name }) => name), "ratio");
    for (const [row, figures] of this.#rows) {
      const medians = contenders.map(({ name }) => median(figures.get(name) ?? []));
      const [ours = 0, theirs] = medians;
      const ratio = theirs === undefined ? "" : (ours / theirs).toFixed(2);
      show(row, ...medians.map((figure) => figure.toFixed(1)), ratio);
    }
  }
}
