import { describe, expect, test } from 'vitest';
import { native, type NativeTensor } from '../../src/native.js';
import { generatedValues } from '../generated_values.js';

const door = native();

test('every op has a kernel for CUDA', () => {
  const missing = door.ops().filter((op) => {
    try {
      door.run(op, [], {}, 'cuda:0');
    } catch (error) {
      return (error as Error).message.includes('expected a kernel for cuda:0');
    }
    return false;
  });
  // test/native/shim_*, of the shim's build alone
  expect(missing.filter((op) => !op.startsWith('Shim'))).toEqual([]);
});

function upload(shape: number[], seed: number): NativeTensor {
  const size = shape.reduce((a, b) => a * b, 1);
  const id = door.allocate(size * 4, 'cuda:0');
  door.write(id, Float32Array.from(generatedValues(size, seed)));
  return { id, shape, dtype: 'float32' };
}

function download({ id, shape }: NativeTensor): Float32Array {
  const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
  door.read(id, values);
  door.free(id);
  return values;
}

/** Blocks and threads run in another order each time. */
describe('the same input gives the same bits', () => {
  const window = { strides: [1, 1], dilations: [1, 1], pad: [1, 1, 1, 1] };
  const maps = [3, 17, 15, 21];

  test.each<[string, number[][], Record<string, boolean | number | number[]>]>([
    ['Sum', [[70_001]], { axes: [0], keepDims: false }],
    ['Mean', [[2000, 37]], { axes: [0], keepDims: false }],
    ['Conv2DBackpropFilter', [maps, [3, 17, 15, 9]], { ...window, filterShape: [3, 3, 21, 9] }],
    [
      'DepthwiseConv2dNativeBackpropFilter',
      [maps, maps],
      { ...window, filterShape: [3, 3, 21, 1] },
    ],
    ['GradientNorm', [[5000], [31, 40], [7]], {}],
  ])('%s', (op, shapes, attributes) => {
    const inputs = shapes.map((shape, i) => upload(shape, i + 1));
    const run = () => download(door.run(op, inputs, attributes)[0]!);
    const first = run();
    for (let round = 0; round < 5; round++) expect(run()).toEqual(first);
    for (const { id } of inputs) door.free(id);
  });

  test('a unit in training form: output, what it saves, statistics', () => {
    const norm = (channels: number): number[][] => Array<number[]>(4).fill([channels]);
    const shapes = [
      [2, 14, 13, 24],
      [1, 1, 8, 12],
      ...norm(12),
      [3, 3, 12, 1],
      ...norm(12),
      [1, 1, 4, 24],
      ...norm(24),
    ];
    const run = () => {
      const inputs = shapes.map((shape, i) => upload(shape, i + 1));
      const outputs = door.run('ShuffleUnit', inputs, { groups: 3, strides: 1, training: true });
      return [...outputs, ...inputs].map(download);
    };
    const first = run();
    for (let round = 0; round < 3; round++) expect(run()).toEqual(first);
  });
});
