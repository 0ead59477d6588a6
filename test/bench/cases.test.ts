import { expect, test } from 'vitest';
import { benchCases, benchOps, type SeparableCase, type UnitCase } from '../../src/bench/cases.js';

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

test("the blocks are 1x-MobileNet's, each shape once", () => {
  const blocks = benchCases().filter((c): c is SeparableCase => c.kind === 'separable');
  expect(blocks.map(({ id }) => id)).toEqual([
    '112x112 32-64',
    '112x112 64-128 /2',
    '56x56 128-128',
    '56x56 128-256 /2',
    '28x28 256-256',
    '28x28 256-512 /2',
    '14x14 512-512',
    '14x14 512-1024 /2',
    '7x7 1024-1024',
  ]);
  expect(blocks[1]).toMatchObject({ size: 112, inChannels: 64, outChannels: 128, strides: 2 });
});
