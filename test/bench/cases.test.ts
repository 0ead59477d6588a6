import { expect, test } from 'vitest';
import { benchCases, benchOps, type UnitCase } from '../../src/bench/cases.js';

test.each([true, false])('every operation has a case, each case once (quick: %s)', (quick) => {
  const cases = benchCases(quick);
  expect(new Set(cases.map(({ op }) => op))).toEqual(new Set(benchOps));
  expect(new Set(cases.map(({ op, id, batch }) => `${op} ${id} ${batch}`)).size).toBe(cases.length);
});

test('the units of 228-MENet are those of the published network', () => {
  const shapes = benchCases()
    .filter((c): c is UnitCase => c.op === 'meUnit' && c.id.startsWith('228'))
    .map((c) => [c.size, c.strides, c.inputChannels, c.channels, c.compressGroups]);
  expect(shapes).toEqual([
    [28, 1, 228, 228, 3],
    [14, 1, 456, 456, 3],
    [7, 1, 912, 912, 3],
    [56, 2, 24, 228, 1],
    [28, 2, 228, 456, 3],
    [14, 2, 456, 912, 3],
  ]);
});
