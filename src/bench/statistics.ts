/** A summary of repeated timings, in milliseconds. */
export interface Timing {
  median: number;
  /** lower and upper quartile */
  quartiles: [number, number];
  min: number;
  max: number;
  samples: number;
}

/** Summarises at least one timing; quantiles interpolate between neighbours. */
export function summarise(milliseconds: readonly number[]): Timing {
  const sorted = [...milliseconds].sort((a, b) => a - b);
  const quantile = (q: number) => {
    const position = q * (sorted.length - 1);
    const [low, high] = [sorted[Math.floor(position)]!, sorted[Math.ceil(position)]!];
    return low + (high - low) * (position - Math.floor(position));
  };
  return {
    median: quantile(0.5),
    quartiles: [quantile(0.25), quantile(0.75)],
    min: sorted[0]!,
    max: sorted.at(-1)!,
    samples: sorted.length,
  };
}
