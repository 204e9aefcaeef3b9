import type { Summary } from "../statistics.ts";

/** One line of the plot: what each number of clients waited. */
export interface Series {
  readonly name: string;
  readonly points: readonly (Summary | undefined)[];
}

const WIDTH = 640;
const HEIGHT = 360;
const LEFT = 60;
const RIGHT = 110;
const TOP = 40;
const BOTTOM = 50;
const COLOURS: Readonly<Record<string, string>> = {
  wharf: "#0a7d5a",
  docker: "#1d63ed",
  podman: "#892ca0",
};

/**
 * An SVG: medians as a line, quartiles as bars, milliseconds on a logarithmic axis.
 *
 * @param clients Of each point, in order.
 */
export function plotLatency(clients: readonly number[], series: readonly Series[]): string {
  const values = series.flatMap(({ points }) =>
    points.flatMap((point) => (point ? [point.lowerQuartile, point.upperQuartile] : [])),
  );
  const [lowest, highest] = decades(values);
  const step = (WIDTH - LEFT - RIGHT) / Math.max(1, clients.length - 1);
  const x = (index: number): number => LEFT + step * index;
  const y = (value: number): number => {
    const share = Math.log10(value / lowest) / Math.log10(highest / lowest);
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM);
  };
  const ticks: number[] = [];
  for (let tick = lowest; tick <= highest; tick *= 10) ticks.push(tick);
  const grid = ticks.flatMap((tick) => [
    `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at(y(tick))}" y2="${at(y(tick))}" stroke="#ccc"/>`,
    `<text x="${LEFT - 8}" y="${at(y(tick) + 4)}" text-anchor="end">${tick}</text>`,
  ]);
  const labels = clients.map(
    (count, index) =>
      `<text x="${at(x(index))}" y="${HEIGHT - BOTTOM + 20}" text-anchor="middle">${count}</text>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    `<text x="${LEFT}" y="20" font-size="14">run --rm true: milliseconds that a client waits</text>`,
    ...grid,
    ...labels,
    `<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 10}" text-anchor="middle">clients at once</text>`,
    ...series.flatMap((one) => drawSeries(one, x, y)),
    "</svg>",
    "",
  ].join("\n");
}

function drawSeries(
  { name, points }: Series,
  x: (index: number) => number,
  y: (value: number) => number,
): readonly string[] {
  const colour = COLOURS[name] ?? "#555";
  const there = points.flatMap((point, index) => (point ? [{ point, index }] : []));
  const line = there.map(({ point, index }) => `${at(x(index))},${at(y(point.median))}`);
  const last = there.at(-1);
  if (!last) return [];
  return [
    `<polyline points="${line.join(" ")}" fill="none" stroke="${colour}" stroke-width="2"/>`,
    ...there.map(({ point, index }) => {
      const ends = `y1="${at(y(point.lowerQuartile))}" y2="${at(y(point.upperQuartile))}"`;
      return `<line x1="${at(x(index))}" x2="${at(x(index))}" ${ends} stroke="${colour}" stroke-width="5" stroke-opacity="0.4"/>`;
    }),
    `<text x="${at(x(last.index) + 10)}" y="${at(y(last.point.median) + 4)}" fill="${colour}">${name} ${last.point.median.toFixed(0)}</text>`,
  ];
}

/** The powers of ten around them. */
function decades(values: readonly number[]): readonly [number, number] {
  const lowest = 10 ** Math.floor(Math.log10(Math.min(...values, 100)));
  const highest = 10 ** Math.ceil(Math.log10(Math.max(...values, 10 * lowest)));
  return [lowest, highest];
}

function at(place: number): string {
  return place.toFixed(1);
}
