import { expect, test } from 'vitest';
import type { StateEntry } from '../../src/models/block.js';
import { initialState } from '../../src/models/initialise.js';

const entries: StateEntry[] = [
  { name: 'grouped', shape: [64, 16, 3, 3], role: 'conv' },
  { name: 'depthwise', shape: [400, 1, 3, 3], role: 'depthwise' },
  { name: 'linear', shape: [100, 40], role: 'linear' },
  { name: 'bias', shape: [3], role: 'bias' },
  { name: 'scale', shape: [3], role: 'scale' },
  { name: 'offset', shape: [3], role: 'offset' },
  { name: 'mean', shape: [3], role: 'mean' },
  { name: 'variance', shape: [3], role: 'variance' },
];

function values(mode: 'fan_in' | 'fan_out', name: string, seed = 7): number[] {
  return Array.from(initialState(entries, mode, seed).get(name)?.data as Float32Array);
}

function momentsOf(data: number[]) {
  const power = (k: number) => data.reduce((sum, value) => sum + value ** k, 0) / data.length;
  return { mean: power(1), deviation: Math.sqrt(power(2)), kurtosis: power(4) / power(2) ** 2 };
}

test.each([
  ['grouped', 'fan_in', 16 * 9],
  ['grouped', 'fan_out', 64 * 9],
  ['depthwise', 'fan_in', 9],
  ['depthwise', 'fan_out', 400 * 9],
] as const)('%s weights with %s are normal with variance 2 / %i', (name, mode, fan) => {
  const { mean, deviation, kurtosis } = momentsOf(values(mode, name));
  const expected = Math.sqrt(2 / fan);
  expect(Math.abs(mean / expected)).toBeLessThan(0.05);
  expect(deviation / expected).toBeCloseTo(1, 1);
  expect(Math.abs(kurtosis - 3)).toBeLessThan(0.3);
});

test.each([
  ['fan_in', 40],
  ['fan_out', 100],
] as const)('linear weights with %s are uniform with variance 2 / %i', (mode, fan) => {
  const data = values(mode, 'linear');
  const bound = Math.sqrt(6 / fan);
  expect(Math.max(...data.map(Math.abs))).toBeLessThanOrEqual(bound);
  expect(Math.max(...data)).toBeGreaterThan(0.99 * bound);
  expect(Math.abs(momentsOf(data).kurtosis - 1.8)).toBeLessThan(0.1);
});

test('scales and variances start at 1, everything else at 0', () => {
  for (const name of ['scale', 'variance']) expect(values('fan_out', name)).toEqual([1, 1, 1]);
  for (const name of ['bias', 'offset', 'mean']) expect(values('fan_out', name)).toEqual([0, 0, 0]);
});

test('a seed always gives the same values, and every seed others', () => {
  expect(values('fan_in', 'grouped', 3)).toEqual(values('fan_in', 'grouped', 3));
  const shared = new Set(values('fan_in', 'grouped', 3));
  const repeated = values('fan_in', 'grouped', 4).filter((value) => shared.has(value));
  // 9,216 values of 24 bits meet a few times by chance.
  expect(repeated.length).toBeLessThan(20);
});
