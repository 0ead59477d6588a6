import { describe, expect, test } from 'vitest';
import { type Attribute, native, type NativeDType, type NativeTensor } from '../../src/native.js';
import { generatedValues } from '../generated_values.js';
import { download, halfTypes, rounded, type StorageType, upload } from './half.js';

// Stock operations on 16-bit tensors, and what every operation says of types that do not fit.

const door = native();

function values(shape: number[], seed = 1) {
  const count = shape.reduce((a, b) => a * b, 1);
  return { shape, data: Float64Array.from(generatedValues(count, seed)) };
}

describe.each(halfTypes)('%s', (dtype) => {
  const make = (shape: number[], seed?: number) => upload(door, values(shape, seed), dtype);

  test.each([
    ['over the pixels of an image', [3, 7, 7, 37], [1, 2]],
    ['of more rows than a block has', [2, 700, 5], [1]],
    ['of long rows', [2, 9001], [1]],
    ['of everything', [11], [0]],
    ['of nothing', [4, 3], []],
  ])('Mean %s is float32', (_, shape, axes) => {
    const x = make(shape);
    const [y] = door.run('Mean', [x], { axes, keepDims: false });
    door.free(x.id);
    const exact = upload(door, rounded(door, values(shape), dtype), 'float32');
    const [expected] = door.run('Mean', [exact], { axes, keepDims: false });
    door.free(exact.id);
    expect(y!.dtype).toBe('float32');
    expect(download(door, y!)).toEqual(download(door, expected!));
  });

  const moves: [string, Record<string, Attribute>][] = [
    ['Identity', {}],
    ['Slice', { begin: [1, 2, 0], size: [1, 3, 5] }],
    ['SplitV', { sizes: [1, 2], axis: 0 }],
    ['Concat', { axis: 1 }],
    ['Tile', { reps: [1, 2, 3] }],
    ['Transpose', { perm: [2, 0, 1] }],
    ['Reverse', { axes: [0, 2] }],
  ];
  test.each(moves)('%s moves its elements', (op, attributes) => {
    const run = (type: StorageType) => {
      const input = rounded(door, values([3, 6, 5]), dtype);
      const inputs = Array.from({ length: op === 'Concat' ? 2 : 1 }, () =>
        upload(door, input, type),
      );
      const outputs = door.run(op, inputs, attributes);
      for (const { id } of inputs) door.free(id);
      expect(outputs[0]!.dtype).toBe(type);
      return outputs.map((y) => download(door, y));
    };
    expect(run(dtype)).toEqual(run('float32'));
  });
});

test('operations that take 16 bits are those that say so', () => {
  const fused = ['GroupConvShuffleDepthwise', 'MergeEvolve', 'MeUnit', 'ShuffleUnit', 'Stem'];
  const gradients = [...fused, 'DepthwiseSeparable'].map((op) => `${op}Grad`);
  const stock = ['Cast', 'Concat', 'Identity', 'Mean', 'Slice', 'SplitV', 'Tile', 'Transpose'];
  for (const op of [...fused, ...gradients, ...stock]) expect(door.halfOps()).toContain(op);
});

test.each(door.ops().filter((op) => !door.halfOps().includes(op)))('%s rejects them', (op) => {
  const x = upload(door, values([1, 2, 2, 4]), 'bfloat16');
  for (const count of [1, 2, 3, 4, 5]) {
    expect(() => door.run(op, Array<NativeTensor>(count).fill(x), anyAttributes)).toThrow(
      new RegExp(`^${op}: .`),
    );
  }
  door.free(x.id);
});

/** What operations on floats of any shape ask for. */
const anyAttributes = {
  ...{ axes: [0], keepDims: false, axis: 0, alpha: 0, parameter: 0, clipValueMin: 0 },
  ...{ clipValueMax: 1, epsilon: 1, depth: 2, dtype: 'float32' },
};

describe('types that do not fit', () => {
  const shape = [1, 4, 4, 6];
  const norm = (dtype: NativeDType): [number[], NativeDType][] =>
    Array<[number[], NativeDType]>(4).fill([[6], dtype]);
  const separable = (types: {
    weights?: NativeDType;
    norm?: NativeDType;
    pointwise?: NativeDType;
  }) => [
    [[3, 3, 6, 1], types.weights ?? 'float32'],
    ...norm(types.norm ?? 'float32'),
    [[1, 1, 6, 6], types.pointwise ?? 'float32'],
    ...norm('float32'),
  ];
  type Inputs = [number[], NativeDType][];
  const options = { strides: 1, training: true, groups: 1 };
  const gradient = (dy: NativeDType, z1: NativeDType, statistics: NativeDType) => [
    ...[[shape, dy], [shape, dy], [shape, 'bfloat16'], ...separable({})],
    ...[
      [shape, z1],
      [shape, 'bfloat16'],
      [[24], statistics],
    ],
  ];
  const cases: [string, string, Inputs, Record<string, Attribute>, RegExp][] = [
    [
      '16-bit weights',
      'DepthwiseSeparable',
      [[shape, 'bfloat16'], ...separable({ weights: 'bfloat16' })],
      options,
      /depthwise: expected dtype float32, got bfloat16/,
    ],
    [
      '16-bit batch norm',
      'DepthwiseSeparable',
      [[shape, 'float16'], ...separable({ norm: 'float16' })],
      options,
      /bnDepthwise: expected dtype float32, got float16/,
    ],
    [
      'integers as weights',
      'DepthwiseSeparable',
      [[shape, 'float16'], ...separable({ pointwise: 'int32' })],
      options,
      /pointwise: expected dtype float32, got int32/,
    ],
    [
      'bytes as activations',
      'DepthwiseSeparable',
      [[shape, 'uint8'], ...separable({})],
      options,
      /x: expected dtype float32, bfloat16 or float16, got uint8/,
    ],
    [
      'dy of another type than x',
      'DepthwiseSeparableGrad',
      gradient('float16', 'bfloat16', 'float32'),
      options,
      /expected dtype float16, got bfloat16/,
    ],
    [
      'a saved tensor of another type',
      'DepthwiseSeparableGrad',
      gradient('bfloat16', 'float32', 'float32'),
      options,
      /z1: expected dtype bfloat16, got float32/,
    ],
    [
      '16-bit statistics',
      'DepthwiseSeparableGrad',
      gradient('bfloat16', 'bfloat16', 'bfloat16'),
      options,
      /statistics: expected dtype float32, got bfloat16/,
    ],
    [
      'two types of activations',
      'MergeEvolve',
      [
        [shape, 'bfloat16'],
        [shape, 'float16'],
      ],
      options,
      /residual: expected dtype bfloat16, got float16/,
    ],
    [
      'concatenation of two types',
      'Concat',
      [
        [shape, 'bfloat16'],
        [shape, 'float16'],
      ],
      { axis: 0 },
      /x: expected dtype bfloat16, got float16/,
    ],
    [
      'an unknown storage',
      'Stem',
      [[[1, 4, 4, 3], 'float32'], [[3, 3, 3, 6], 'float32'], ...norm('float32')],
      { pooling: false, training: true, storage: 'int32' },
      /storage: expected float32, bfloat16 or float16, got int32/,
    ],
    [
      'another storage than that of 16-bit images',
      'Stem',
      [[[1, 4, 4, 3], 'float16'], [[3, 3, 3, 6], 'float32'], ...norm('float32')],
      { pooling: false, training: true, storage: 'bfloat16' },
      /storage: expected that of x, float16, got bfloat16/,
    ],
    [
      'a 16-bit convolution of the stem',
      'Stem',
      [[[1, 4, 4, 3], 'float32'], [[3, 3, 3, 6], 'float16'], ...norm('float32')],
      { pooling: false, training: true },
      /conv: expected dtype float32, got float16/,
    ],
  ] as unknown as typeof cases;

  test.each(cases)('%s: %s', (_, op, inputs, attributes, message) => {
    const tensors = inputs.map(([shape, dtype]): NativeTensor => {
      const id = door.allocate(8 * shape.reduce((a, b) => a * b, 1));
      return { id, shape, dtype };
    });
    expect(() => door.run(op, tensors, attributes)).toThrow(message);
    for (const { id } of tensors) door.free(id);
  });
});
