/**
 * Largest relative difference between two lists of outputs: per output the norm of the difference
 * over the norm of the expected values. Outputs a hundred times smaller than the largest count
 * relative to that: some are zero but for rounding, as the gradient of an offset that the next
 * batch norm takes away.
 */
export function difference(actual: Float32Array[], expected: Float32Array[]): number {
  if (actual.length !== expected.length) return Infinity;
  const floor = 1e-2 * Math.max(...expected.map(norm), Number.MIN_VALUE);
  const differences = expected.map((values, i) => {
    const other = actual[i]!;
    if (other.length !== values.length) return Infinity;
    const error = norm(values.map((value, j) => value - other[j]!)) / Math.max(norm(values), floor);
    return Number.isNaN(error) ? Infinity : error;
  });
  return Math.max(...differences);
}

function norm(values: Float32Array): number {
  return Math.sqrt(
    values.reduce((sum, value) => sum + value * value, 0) / Math.max(1, values.length),
  );
}
