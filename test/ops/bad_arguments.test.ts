import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';
import { InputError } from '../../src/errors.js';
import { depthwiseSeparable } from '../../src/ops/depthwise_separable.js';
import { groupConvShuffleDepthwise } from '../../src/ops/group_conv_shuffle_depthwise.js';
import { meUnit } from '../../src/ops/me_unit.js';
import { mergeEvolve } from '../../src/ops/merge_evolve.js';
import { shuffleUnit } from '../../src/ops/shuffle_unit.js';
import { softmaxCrossEntropy } from '../../src/ops/softmax_cross_entropy.js';
import { stem } from '../../src/ops/stem.js';
import { type RandomUnit, randomUnit, separableParams } from './random_units.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

type Shape = [number, number, number, number];

/** What is done to the arguments of a good call, and the message after the op's name. */
type Case = [title: string, spoil: (unit: RandomUnit) => void, message: string];

const zeros = (...shape: number[]): tf.Tensor4D => tf.zeros<tf.Rank.R4>(shape as Shape);

const opening: Case[] = [
  [
    'x of rank 3',
    (unit) => (unit.x = zeros(4, 4, 12)),
    'x: expected float32 tensor [N, H, W, Cin], got float32 tensor [4, 4, 12]',
  ],
  [
    'x of integers',
    (unit) => (unit.x = tf.cast(unit.x, 'int32')),
    'x: expected float32 tensor [N, H, W, Cin], got int32 tensor [2, 4, 4, 12]',
  ],
  [
    'an empty x',
    (unit) => (unit.x = zeros(0, 4, 4, 12)),
    'x: expected float32 tensor [N, H, W, Cin] of sizes from 1, got float32 tensor [0, 4, 4, 12]',
  ],
  [
    'no x',
    (unit) => (unit.x = undefined as unknown as tf.Tensor4D),
    'x: expected float32 tensor [N, H, W, Cin], got nothing',
  ],
  [
    'an array as x',
    (unit) => (unit.x = [[[[1]]]] as unknown as tf.Tensor4D),
    'x: expected float32 tensor [N, H, W, Cin], got a value of type object',
  ],
  [
    'a disposed x',
    (unit) => {
      unit.x = zeros(2, 4, 4, 12);
      unit.x.dispose();
    },
    'x: expected float32 tensor [N, H, W, Cin], got a disposed tensor',
  ],
  ['strides 3', (unit) => (unit.options.strides = 3 as 1), 'strides: expected 1 or 2, got 3'],
  [
    'groups that do not divide',
    (unit) => (unit.options.groups = 4),
    'groups: expected a divisor of the 6 channels, got 4',
  ],
  [
    'no groups',
    (unit) => (unit.options.groups = 0),
    'groups: expected a divisor of the 6 channels, got 0',
  ],
  [
    'broken groups',
    (unit) => (unit.options.groups = 1.5),
    'groups: expected a divisor of the 6 channels, got 1.5',
  ],
  [
    'compress weights of 5 input channels',
    (unit) => (unit.params.compress = zeros(1, 1, 5, 6)),
    'compress: expected Cin/g that divides the 12 input channels, got 5',
  ],
  [
    'compress weights whose groups do not divide the output',
    (unit) => (unit.params.compress = zeros(1, 1, 3, 6)),
    'compress: groups: expected a divisor of the 6 channels, got 4',
  ],
  [
    'compress weights of 3×3',
    (unit) => (unit.params.compress = zeros(3, 3, 4, 6)),
    'compress: expected float32 tensor [1, 1, Cin/g, Cout], got float32 tensor [3, 3, 4, 6]',
  ],
  [
    'depthwise weights of other channels',
    (unit) => (unit.params.depthwise = zeros(3, 3, 5, 1)),
    'depthwise: expected float32 tensor [3, 3, 6, 1], got float32 tensor [3, 3, 5, 1]',
  ],
  [
    'a scale of other channels',
    (unit) => (unit.params.bnCompress.scale = tf.zeros([5])),
    'bnCompress.scale: expected float32 tensor [6], got float32 tensor [5]',
  ],
  [
    'no batch norm',
    (unit) => delete (unit.params as Partial<RandomUnit['params']>).bnCompress,
    'bnCompress.scale: expected float32 tensor [6], got nothing',
  ],
  [
    'constant running statistics in training',
    (unit) => (unit.params.bnCompress.variance = tf.zeros([6])),
    'bnCompress.variance: expected a tf.Variable to update in training form, got a constant tensor',
  ],
];

const branch: Case[] = [
  [
    'merge weights of other channels',
    (unit) => (unit.params.merge = zeros(1, 1, 5, 4)),
    'merge: expected float32 tensor [1, 1, 6, side], got float32 tensor [1, 1, 5, 4]',
  ],
  [
    'conv weights of another side',
    (unit) => (unit.params.conv = zeros(3, 3, 4, 5)),
    'conv: expected float32 tensor [3, 3, 4, 4], got float32 tensor [3, 3, 4, 5]',
  ],
  [
    'evolve weights of other channels',
    (unit) => (unit.params.evolve = zeros(1, 1, 4, 5)),
    'evolve: expected float32 tensor [1, 1, 4, 6], got float32 tensor [1, 1, 4, 5]',
  ],
  ...(['bnMerge', 'bnConv', 'bnEvolve'] as const).map((name): Case => {
    const channels = name === 'bnEvolve' ? 6 : 4;
    return [
      `an offset of ${name} of other channels`,
      (unit) => (unit.params[name].offset = tf.zeros([7])),
      `${name}.offset: expected float32 tensor [${channels}], got float32 tensor [7]`,
    ];
  }),
];

const normalisation: Case[] = [
  [
    'a mean of bnDepthwise of other channels',
    (unit) => (unit.params.bnDepthwise.mean = tf.zeros([7])),
    'bnDepthwise.mean: expected float32 tensor [6], got float32 tensor [7]',
  ],
];

const closing: Case[] = [
  [
    'expand weights of other channels',
    (unit) => (unit.params.expand = zeros(1, 1, 4, 12)),
    'expand: expected Cin/g that divides the 6 input channels, got 4',
  ],
  [
    'an expansion that cannot be added',
    (unit) => (unit.params.expand = zeros(1, 1, 2, 9)),
    'expand: expected Cout = Cin = 12 with strides 1, got 9',
  ],
  [
    'a variance of bnExpand of other channels',
    (unit) => (unit.params.bnExpand.variance = tf.zeros([9])),
    'bnExpand.variance: expected float32 tensor [12], got float32 tensor [9]',
  ],
];

const unitOps = {
  groupConvShuffleDepthwise: { apply: groupConvShuffleDepthwise, cases: opening },
  meUnit: { apply: meUnit, cases: [...opening, ...branch, ...normalisation, ...closing] },
  shuffleUnit: { apply: shuffleUnit, cases: [...opening, ...normalisation, ...closing] },
};

describe.each(Object.entries(unitOps))('%s rejects', (op, { apply, cases }) => {
  test.each(cases)('%s', (_, spoil, message) => {
    const unit = goodUnit();
    apply(unit.x, unit.params, unit.options).dispose();
    spoil(unit);
    const call = () => apply(unit.x, unit.params, unit.options);
    expect(call).toThrow(new InputError(`${op}: ${message}`));
    unit.dispose();
  });
});

describe('mergeEvolve rejects', () => {
  const cases: Case[] = [
    ...branch,
    ...normalisation,
    ['strides 0', (unit) => (unit.options.strides = 0 as 1), 'strides: expected 1 or 2, got 0'],
    [
      'a residual of another size',
      (unit) => (unit.options.strides = 2),
      'residual: expected float32 tensor [2, 2, 2, 6], got float32 tensor [2, 4, 4, 6]',
    ],
  ];
  test.each(cases)('%s', (_, spoil, message) => {
    const unit = goodUnit();
    spoil(unit);
    const [h, residual] = [zeros(2, 4, 4, 6), zeros(2, 4, 4, 6)];
    const call = () => mergeEvolve(h, residual, unit.params, unit.options);
    expect(call).toThrow(new InputError(`mergeEvolve: ${message}`));
    unit.dispose();
  });
});

describe('depthwiseSeparable rejects', () => {
  const cases: Case[] = [
    ...normalisation,
    ['strides 3', (unit) => (unit.options.strides = 3 as 1), 'strides: expected 1 or 2, got 3'],
    [
      'a disposed x',
      (unit) => unit.x.dispose(),
      'x: expected float32 tensor [N, H, W, Cin], got a disposed tensor',
    ],
    [
      'depthwise weights of other channels',
      (unit) => (unit.params.depthwise = zeros(3, 3, 5, 1)),
      'depthwise: expected float32 tensor [3, 3, 6, 1], got float32 tensor [3, 3, 5, 1]',
    ],
    [
      'pointwise weights in groups',
      (unit) => (unit.params.merge = zeros(1, 1, 3, 4)),
      'pointwise: expected float32 tensor [1, 1, 6, Cout], got float32 tensor [1, 1, 3, 4]',
    ],
    [
      'a scale of bnPointwise of other channels',
      (unit) => (unit.params.bnMerge.scale = tf.zeros([5])),
      'bnPointwise.scale: expected float32 tensor [4], got float32 tensor [5]',
    ],
    [
      'constant running statistics in training',
      (unit) => (unit.params.bnMerge.mean = tf.zeros([4])),
      'bnPointwise.mean: expected a tf.Variable to update in training form, got a constant tensor',
    ],
  ];
  test.each(cases)('%s', (_, spoil, message) => {
    const unit = goodUnit();
    unit.x = zeros(2, 4, 4, 6);
    const call = () => depthwiseSeparable(unit.x, separableParams(unit.params), unit.options);
    call().dispose();
    spoil(unit);
    expect(call).toThrow(new InputError(`depthwiseSeparable: ${message}`));
    unit.dispose();
  });
});

test('stem rejects images of other channels and weights of other sizes', () => {
  const { bnMerge: bn } = goodUnit().params;
  const conv = zeros(3, 3, 3, 4);
  expect(() => stem(zeros(1, 8, 8, 1), { conv, bn })).toThrow(
    new InputError(
      'stem: x: expected float32 tensor [N, H, W, 3], got float32 tensor [1, 8, 8, 1]',
    ),
  );
  expect(() => stem(zeros(1, 8, 8, 3), { conv: zeros(5, 5, 3, 4), bn })).toThrow(
    new InputError(
      'stem: conv: expected float32 tensor [3, 3, 3, C], got float32 tensor [5, 5, 3, 4]',
    ),
  );
  expect(() => stem(zeros(1, 8, 8, 3), { conv, bn }, { pooling: 'max' as never })).toThrow(
    new InputError('stem: pooling: expected true or false, got "max"'),
  );
});

test('softmaxCrossEntropy rejects labels of another type or number', () => {
  const logits = tf.zeros<tf.Rank.R2>([4, 10]);
  const op = 'softmaxCrossEntropy: labels: expected int32 tensor [4]';
  expect(() => softmaxCrossEntropy(logits, tf.zeros([4]))).toThrow(
    new InputError(`${op}, got float32 tensor [4]`),
  );
  expect(() => softmaxCrossEntropy(logits, tf.zeros([3], 'int32'))).toThrow(
    new InputError(`${op}, got int32 tensor [3]`),
  );
});

/** A unit of 12 input channels, bottleneck 6, side 4, on 4×4 maps. */
function goodUnit(): RandomUnit {
  const maps = { batch: 2, height: 4, width: 4 };
  const channels = { inChannels: 12, middle: 6, outChannels: 12, side: 4 };
  return randomUnit({ ...maps, ...channels, groups: 3, compressGroups: 3, strides: 1 });
}

describe.each([
  ['meUnit', (p: never, o: never) => meUnit(zeros(1, 4, 4, 12), p, o)],
  ['shuffleUnit', (p: never, o: never) => shuffleUnit(zeros(1, 4, 4, 12), p, o)],
  [
    'groupConvShuffleDepthwise',
    (p: never, o: never) => groupConvShuffleDepthwise(zeros(1, 4, 4, 12), p, o),
  ],
  ['mergeEvolve', (p: never, o: never) => mergeEvolve(zeros(1, 4, 4, 6), zeros(1, 4, 4, 6), p, o)],
  ['depthwiseSeparable', (p: never, o: never) => depthwiseSeparable(zeros(1, 4, 4, 6), p, o)],
  ['stem', (p: never, o: never) => stem(zeros(1, 8, 8, 3), p, o)],
] as const)('%s without proper weights or attributes', (op, call) => {
  const attempt = (params: unknown, options: unknown) => () =>
    tf.tidy(() => call(params as never, options as never));
  test.each([
    ['no weights', undefined, { groups: 3, strides: 1 }, 'params: expected an object, got nothing'],
    ['null as attributes', {}, null, 'options: expected an object, got nothing'],
    [
      'a word as training',
      {},
      { groups: 3, strides: 1, training: 'yes' },
      'training: expected true or false, got "yes"',
    ],
  ])('%s', (_, params, options, message) => {
    expect(attempt(params, options)).toThrow(new InputError(`${op}: ${message}`));
  });
});
