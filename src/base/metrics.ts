/**
 * Metrics in the text format of Prometheus, version 0.0.4. Label sets of counters and histograms live as
 * long as the registry: their values must be few (a verb, a route), never what a caller chooses.
 *
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export type Labels = Readonly<Record<string, string>>;

/** Bounds in seconds that Prometheus's own clients take for durations. */
export const DURATION_BUCKETS: readonly number[] = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  lines(): Iterable<string> | Promise<Iterable<string>>;
}

function escapeLabel(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function numberText(value: number): string {
  if (value === Infinity) return "+Inf";
  if (value === -Infinity) return "-Inf";
  return String(value);
}

export class Counter implements Metric {
  readonly type = "counter";
  readonly name: string;
  readonly help: string;
  readonly #values = new Map<string, number>();

  constructor(name: string, help: string) {
    this.name = name;
    this.help = help;
  }

  /** With 0 a label set is shown before anything happens. */
  add(count = 1, labels: Labels = {}): void {
    const key = labelText(labels);
    this.#values.set(key, (this.#values.get(key) ?? 0) + count);
  }

  *lines(): Iterable<string> {
    for (const [labels, value] of this.#values) yield `${this.name}${labels} ${numberText(value)}`;
  }
}

/** Values that are read when somebody asks. */
export class Gauge implements Metric {
  readonly type: "gauge" | "counter";
  readonly name: string;
  readonly help: string;
  readonly #read: () => GaugeValues | Promise<GaugeValues>;

  /** @param type A counter that somebody else counts is shown as one. */
  constructor(
    name: string,
    help: string,
    read: () => GaugeValues | Promise<GaugeValues>,
    type: "gauge" | "counter" = "gauge",
  ) {
    this.name = name;
    this.help = help;
    this.type = type;
    this.#read = read;
  }

  async lines(): Promise<Iterable<string>> {
    const values = await this.#read();
    const pairs: GaugeValues = typeof values === "number" ? [[{}, values]] : values;
    return (Array.isArray(pairs) ? pairs : []).map(
      ([labels, value]: readonly [Labels, number]) =>
        `${this.name}${labelText(labels)} ${numberText(value)}`,
    );
  }
}

export type GaugeValues = number | readonly (readonly [labels: Labels, value: number])[];

interface Distribution {
  readonly labels: Labels;
  /** Observations up to each bound and no lower one; the last is for those above all. */
  readonly counts: number[];
  sum: number;
}

export class Histogram implements Metric {
  readonly type = "histogram";
  readonly name: string;
  readonly help: string;
  readonly #bounds: readonly number[];
  readonly #distributions = new Map<string, Distribution>();

  /** @param bounds Upper bounds, ascending. */
  constructor(name: string, help: string, bounds: readonly number[] = DURATION_BUCKETS) {
    this.name = name;
    this.help = help;
    this.#bounds = bounds;
  }

  /** Shows a label set before anything is observed. */
  declare(labels: Labels): void {
    this.#of(labels);
  }

  observe(value: number, labels: Labels = {}): void {
    const distribution = this.#of(labels);
    const index = this.#bounds.findIndex((bound) => value <= bound);
    const at = index < 0 ? this.#bounds.length : index;
    distribution.counts[at] = (distribution.counts[at] ?? 0) + 1;
    distribution.sum += value;
  }

  *lines(): Iterable<string> {
    for (const { labels, counts, sum } of this.#distributions.values()) {
      let total = 0;
      for (const [index, bound] of [...this.#bounds, Infinity].entries()) {
        total += counts[index] ?? 0;
        yield `${this.name}_bucket${labelText({ ...labels, le: numberText(bound) })} ${total}`;
      }
      yield `${this.name}_sum${labelText(labels)} ${numberText(sum)}`;
      yield `${this.name}_count${labelText(labels)} ${total}`;
    }
  }

  #of(labels: Labels): Distribution {
    const key = labelText(labels);
    let found = this.#distributions.get(key);
    if (!found) {
      found = { labels, counts: this.#bounds.map(() => 0).concat(0), sum: 0 };
      this.#distributions.set(key, found);
    }
    return found;
  }
}

export class MetricRegistry {
  readonly #metrics: Metric[] = [];

  add<M extends Metric>(metric: M): M {
    this.#metrics.push(metric);
    return metric;
  }

  /** The whole page, metrics in the order of their names. */
  async expose(): Promise<string> {
    const sorted = [...this.#metrics].sort((left, right) => (left.name < right.name ? -1 : 1));
    const parts: string[] = [];
    for (const metric of sorted) {
      const lines = [...(await metric.lines())];
      const help = metric.help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
      parts.push(`# HELP ${metric.name} ${help}\n# TYPE ${metric.name} ${metric.type}\n`);
      parts.push(...lines.map((line) => `${line}\n`));
    }
    return parts.join("");
  }
}
