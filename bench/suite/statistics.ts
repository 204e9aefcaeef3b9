/** What many samples of one thing come to; the samples' own unit. */
export interface Summary {
  readonly count: number;
  readonly minimum: number;
  /** A quarter of the samples is below. */
  readonly lowerQuartile: number;
  readonly median: number;
  readonly upperQuartile: number;
  readonly maximum: number;
}

/**
 * The value below which that share of the samples lies, between two samples by their distance (R's type 7).
 *
 * @param sorted Ascending.
 * @param share 0 to 1.
 * @returns NaN for no samples.
 */
export function quantile(sorted: readonly number[], share: number): number {
  const place = share * (sorted.length - 1);
  const below = sorted[Math.floor(place)] ?? Number.NaN;
  const above = sorted[Math.ceil(place)] ?? Number.NaN;
  return below + (above - below) * (place - Math.floor(place));
}

export function median(samples: readonly number[]): number {
  return quantile(
    samples.toSorted((a, b) => a - b),
    0.5,
  );
}

/** @returns `undefined` for no samples. */
export function summarise(samples: readonly number[]): Summary | undefined {
  if (samples.length === 0) return undefined;
  const sorted = samples.toSorted((a, b) => a - b);
  return {
    count: sorted.length,
    minimum: quantile(sorted, 0),
    lowerQuartile: quantile(sorted, 0.25),
    median: quantile(sorted, 0.5),
    upperQuartile: quantile(sorted, 0.75),
    maximum: quantile(sorted, 1),
  };
}

/** Half the distance of the quartiles as a share of the median: 0.1 reads "±10 %". */
export function spreadOf(summary: Summary): number {
  return (summary.upperQuartile - summary.lowerQuartile) / 2 / summary.median;
}
