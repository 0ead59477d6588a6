import { totalmem } from 'node:os';
import { expect, test } from 'vitest';
import { type Attribute, native, type NativeTensor } from '../../src/native.js';

// What would read or write outside of its buffers if the door or an op let it pass.

/** Bytes are those of the shape, and float32, unless told; `fill` makes int32 of one value. */
type Input = [shape: number[], bytes?: number, dtype?: NativeTensor['dtype'], fill?: number];
type Case = [title: string, op: string, Input[], Record<string, Attribute>, message: RegExp];

const door = native();
const big = 2 ** 31;
const window = { strides: [1, 1], dilations: [1, 1] };
const pixel: Input = [[1, 1, 1, 1]];

const cases: Case[] = [
  [
    'an output of 2^62 elements, whose bytes are 0 modulo 2^64',
    'Fill',
    [],
    { shape: [big, big], value: 1, dtype: 'float32' },
    /Fill: attribute shape: expected an integer of at most/,
  ],
  [
    'an output of more bytes than there are addresses',
    'Fill',
    [],
    { shape: [big - 1, big - 1, big - 1], value: 1, dtype: 'float32' },
    /Fill: expected at most/,
  ],
  ['an input of 2^62 elements', 'Relu', [[[big, big], 64]], {}, /Relu: input 0: expected sizes of/],
  [
    'an input whose size wraps around to that of its buffer',
    'Relu',
    [[[2 ** 52 + 1, 4096], 16384]],
    {},
    /Relu: input 0: expected sizes of/,
  ],
  [
    'an input whose bytes wrap around',
    'Relu',
    [[[2 ** 30, 2 ** 30, 4], 64]],
    {},
    /Relu: input 0: expected at most/,
  ],
  ['a size that is no number', 'Relu', [[[NaN], 4]], {}, /Relu: input 0: expected sizes of/],
  ['a broken size', 'Relu', [[[1.5], 8]], {}, /Relu: input 0: expected sizes of/],
  ['a negative size', 'Relu', [[[-1, -4], 16]], {}, /Relu: input 0: expected sizes of/],
  [
    'repetitions that wrap around',
    'Tile',
    [[[1, 1]]],
    { reps: [big - 1, big - 1] },
    /Tile: expected at most/,
  ],
  [
    'a large product of nothing',
    'BatchMatMul',
    [[[1, big - 1, 0]], [[1, 0, big - 1]]],
    { transposeA: false, transposeB: false },
    /BatchMatMul: expected at most/,
  ],
  [
    'large paddings',
    'PadV2',
    [[[1, 1]]],
    { paddings: [big - 1, 0, big - 1, 0], constantValue: 0 },
    /PadV2: expected/,
  ],
  [
    'a convolution with large paddings',
    'Conv2D',
    [pixel, pixel],
    { ...window, pad: [big - 1, 0, big - 1, 0] },
    /Conv2D: expected/,
  ],
  [
    'a negative input shape whose size is positive',
    'Conv2DBackpropInput',
    [[[1, 10, 10, 1]], pixel],
    { ...window, inputShape: [1, -1000, -1000, 1], pad: [1010, 0, 1010, 0] },
    /Conv2DBackpropInput: expected sizes of/,
  ],
  [
    'a window of more taps than an integer counts',
    'MaxPool',
    [pixel],
    { ...window, filterSize: [2 ** 32, 2 ** 32], pad: [0, 0, 0, 0] },
    /MaxPool: attribute filterSize: expected an integer of at most/,
  ],
  [
    'corners and centres of pixels at once',
    'ResizeBilinear',
    [[[1, 100, 1, 1]]],
    { size: [2, 1], alignCorners: true, halfPixelCenters: true },
    /ResizeBilinear: halfPixelCenters: expected false/,
  ],
  [
    'a gradient shorter than its parameter',
    'BlendUpdate',
    [[[64]], [[1]]],
    { keep: 1, share: 1 },
    /BlendUpdate: input 1: expected shape \[64\], got \[1\]/,
  ],
  [
    'fewer slots than parameters',
    'AdadeltaUpdate',
    Array<Input>(7).fill([[1]]),
    { learningRate: 1, gradientScale: 1, weightDecay: 0, rho: 0, epsilon: 1 },
    /AdadeltaUpdate: expected 4 lists of as many tensors each, got 7 inputs/,
  ],
  [
    'more lists than momentum has',
    'SgdUpdate',
    Array<Input>(3).fill([[1]]),
    { learningRate: 1, gradientScale: 1, weightDecay: 0, momentum: 0, nesterov: false },
    /SgdUpdate: expected 2 lists/,
  ],
  [
    'a second label beyond the classes',
    'SoftmaxCrossEntropy',
    [[[1, 2]], [[1], 4, 'int32', 0], [[1], 4, 'int32', 2 ** 30], [[1]]],
    { labelSmoothing: 0 },
    /SoftmaxCrossEntropy: others: expected 0 to 1, got 1073741824/,
  ],
  ...mixes([
    [{ partners: [1] }, /partners: expected 0 to 0, got 1/],
    [{ partners: [-1] }, /partners: expected 0 to 0, got -1/],
    [{ partners: [] }, /partners: expected 1, got 0/],
    [{ box: [1, 0, 2, 1] }, /box: expected \[top, left, height, width\] inside/],
    [{ box: [0, 2, 1, 2] }, /box: expected/],
    [{ box: [-1, 0, 1, 1] }, /box: expected/],
    [{ box: [0, 0, 1] }, /box: expected/],
  ]),
  ['the norm of nothing', 'GradientNorm', [], {}, /GradientNorm: expected tensors, got none/],
  ['an unknown type', 'Cast', [pixel], { dtype: 'x' }, /Cast: expected dtype float32/],
  ['an attribute of another kind', 'LeakyRelu', [pixel], { alpha: 'x' }, /LeakyRelu: attribute/],
];

/** An image of 2 x 3 pixels that is mixed with itself, but for what is wrong. */
function mixes(wrongs: [Record<string, number[]>, RegExp][]): Case[] {
  return wrongs.map(([wrong, message]) => [
    `images mixed by ${JSON.stringify(wrong)}`,
    'NormalizeImages',
    [[[1, 2, 3, 3], 18, 'uint8']],
    { partners: [0], box: [0, 0, 2, 3], share: 0.5, ...wrong },
    message,
  ]);
}

function tensorsOf(inputs: Input[]): NativeTensor[] {
  return inputs.map(([shape, bytes = 4 * shape.reduce((a, b) => a * b, 1), dtype, fill]) => {
    const id = door.allocate(bytes);
    if (fill !== undefined) door.write(id, new Int32Array(bytes / 4).fill(fill));
    return { id, shape, dtype: dtype ?? 'float32' };
  });
}

test.each(cases)('%s', (_title, op, inputs, attributes, message) => {
  const before = door.memory().bytesInUse;
  const tensors = tensorsOf(inputs);
  expect(() => door.run(op, tensors, attributes)).toThrow(message);
  for (const { id } of tensors) door.free(id);
  expect(door.memory().bytesInUse).toBe(before);
});

test('nothing in place of a tensor', () => {
  expect(() => door.run('Identity', [null])).toThrow('Identity: x: expected a tensor');
});

test('a shape that grows while it is read', () => {
  const shape = [1];
  Object.defineProperty(shape, 0, {
    get: () => {
      for (let i = 1; i < 10_000; i++) shape[i] = 1;
      return 1;
    },
  });
  const id = door.allocate(4);
  const [y] = door.run('Relu', [{ id, shape, dtype: 'float32' }]);
  expect(y!.shape).toEqual([1]);
  for (const tensor of [id, y!.id]) door.free(tensor);
});

test('a getter that frees an input read before', () => {
  const id = door.allocate(4);
  const tensor: NativeTensor = { id, shape: [1], dtype: 'float32' };
  const freeing = {
    get alpha() {
      door.free(id);
      return 0;
    },
  };
  expect(() => door.run('Relu', [tensor], freeing)).toThrow(
    /Relu: input 0: expected a live buffer/,
  );
});

test('more memory than the machine has is an exception, not the end of the process', () => {
  expect(() => door.allocate(8 * totalmem())).toThrow(/^allocate: expected .* of free memory/);
});
