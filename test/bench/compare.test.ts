import { expect, test } from 'vitest';
import { difference } from '../../src/bench/compare.js';

const values = (...list: number[]) => Float32Array.from(list);

test('is relative to each output, not to the largest', () => {
  const expected = [values(100, 100), values(1, 1)];
  expect(difference(expected, expected)).toBe(0);
  expect(difference([values(100, 100), values(1, 1.5)], expected)).toBeCloseTo(Math.SQRT1_2 / 2);
});

test('outputs of rounding noise count relative to the largest', () => {
  expect(difference([values(1, 1), values(1e-7)], [values(1, 1), values(-1e-7)])).toBeLessThan(
    1e-3,
  );
});

test('NaN, another length and another number of outputs never agree', () => {
  expect(difference([values(NaN)], [values(1)])).toBe(Infinity);
  expect(difference([values(1)], [values(NaN)])).toBe(Infinity);
  expect(difference([values(1, 2)], [values(1)])).toBe(Infinity);
  expect(difference([], [values(1)])).toBe(Infinity);
});
