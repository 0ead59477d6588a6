/** A summary of repeated timings, in milliseconds. */
export interface Timing {
  median: number;
  /** lower and upper quartile */
  quartiles: [number, number];
  min: number;
  max: number;
  samples: number;
}

/** In milliseconds. */
export interface Percentiles {
  p50: number;
  p90: number;
  p99: number;
}

/** Summarises at least one timing; quantiles interpolate between neighbours. */
export function summarise(milliseconds: readonly number[]): Timing {
  const quantile = quantiles(milliseconds);
  return {
    median: quantile(0.5),
    quartiles: [quantile(0.25), quantile(0.75)],
    min: quantile(0),
    max: quantile(1),
    samples: milliseconds.length,
  };
}

export function percentiles(milliseconds: readonly number[]): Percentiles {
  const quantile = quantiles(milliseconds);
  return { p50: quantile(0.5), p90: quantile(0.9), p99: quantile(0.99) };
}

function quantiles(values: readonly number[]): (q: number) => number {
  const sorted = [...values].sort((a, b) => a - b);
  return (q) => {
    const position = q * (sorted.length - 1);
    const [low, high] = [sorted[Math.floor(position)]!, sorted[Math.ceil(position)]!];
    return low + (high - low) * (position - Math.floor(position));
  };
}
