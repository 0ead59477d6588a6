import { expect, test } from 'vitest';
import { percentiles, summarise } from '../../src/bench/statistics.js';

test('median and quartiles interpolate, whatever the order', () => {
  expect(summarise([4, 1, 3, 2])).toEqual({
    median: 2.5,
    quartiles: [1.75, 3.25],
    min: 1,
    max: 4,
    samples: 4,
  });
});

test('one timing is its own summary', () => {
  const summary = { median: 7, quartiles: [7, 7], min: 7, max: 7, samples: 1 };
  expect(summarise([7])).toEqual(summary);
});

test('percentiles', () => {
  const timings = Array.from({ length: 101 }, (_, i) => 100 - i);
  expect(percentiles(timings)).toEqual({ p50: 50, p90: 90, p99: 99 });
});
