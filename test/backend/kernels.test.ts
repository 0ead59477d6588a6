import * as tf from '@tensorflow/tfjs';
import { afterEach, describe, expect, test, vi } from 'vitest';
import '../../src/backend/register.js';
import { nativeKernels } from '../../src/backend/kernels.js';
import { backendName } from '../../src/backend/menet_backend.js';
import { TensorData } from '../../src/backend/tensor_data.js';
import { randomValues } from './random_values.js';

/**
 * Native kernels against tfjs-backend-cpu's, at sizes with whole vectors, tails and several
 * threads; tfjs-core's specs are mostly about a handful of numbers.
 */
type Case = [name: string, run: () => tf.Tensor | tf.Tensor[]];

const x4 = (shape: [number, number, number, number], seed = 1) =>
  tf.tensor4d(randomValues(tf.util.sizeFromShape(shape), seed), shape);
const x2 = (rows: number, columns: number, seed = 1) =>
  tf.tensor2d(randomValues(rows * columns, seed), [rows, columns]);
const x1 = (n: number, seed = 1) => tf.tensor1d(randomValues(n, seed));

const unary: Case[] = (
  [
    ['abs', (x) => tf.abs(x)],
    ['ceil', (x) => tf.ceil(tf.mul(x, 10))],
    ['clipByValue', (x) => tf.clipByValue(x, -0.3, 0.4)],
    ['elu', (x) => tf.elu(x)],
    ['exp', (x) => tf.exp(tf.mul(x, 20))],
    ['floor', (x) => tf.floor(tf.mul(x, 10))],
    ['leakyRelu', (x) => tf.leakyRelu(x, 0.1)],
    ['log', (x) => tf.log(tf.abs(x))],
    ['neg', (x) => tf.neg(x)],
    ['reciprocal', (x) => tf.reciprocal(tf.add(x, 2))],
    ['relu', (x) => tf.relu(x)],
    ['relu6', (x) => tf.relu6(tf.mul(x, 10))],
    ['rsqrt', (x) => tf.rsqrt(tf.abs(x))],
    ['sigmoid', (x) => tf.sigmoid(tf.mul(x, 10))],
    ['sqrt', (x) => tf.sqrt(tf.abs(x))],
    ['square', (x) => tf.square(x)],
    ['step', (x) => tf.step(x, 0.2)],
    ['tanh', (x) => tf.tanh(x)],
    [
      'int32 abs, neg, square, relu',
      (x) => {
        const integers = tf.cast(tf.mul(x, 100), 'int32');
        return tf.stack([
          tf.abs(integers),
          tf.neg(integers),
          tf.square(integers),
          tf.relu(integers),
        ]);
      },
    ],
  ] as [string, (x: tf.Tensor) => tf.Tensor][]
).map(([name, run]) => [name, () => run(x1(50_001))]);

const broadcasts: [string, () => [tf.Tensor, tf.Tensor]][] = [
  ['equal shapes', () => [x2(123, 457), x2(123, 457, 2)]],
  ['with a scalar', () => [x2(123, 457), tf.scalar(0.7)]],
  ['a scalar first', () => [tf.scalar(0.7), x2(123, 457)]],
  ['along rows', () => [x4([3, 20, 17, 57]), x1(57, 2)]],
  ['along columns', () => [x4([3, 20, 17, 57]), x4([3, 20, 17, 1], 2)]],
  ['both ways', () => [x4([3, 1, 17, 57]), x4([1, 20, 17, 1], 2)]],
];
const binary: Case[] = broadcasts.flatMap(([how, inputs]) =>
  (
    [
      ['add', tf.add],
      ['sub', tf.sub],
      ['mul', tf.mul],
      ['div', tf.div],
      ['maximum', tf.maximum],
      ['minimum', tf.minimum],
      ['squaredDifference', tf.squaredDifference],
      ['prelu', tf.prelu],
      ['equal', tf.equal],
      ['notEqual', tf.notEqual],
      ['less', tf.less],
      ['lessEqual', tf.lessEqual],
      ['greater', tf.greater],
      ['greaterEqual', tf.greaterEqual],
      [
        'logicalAnd',
        (a: tf.Tensor, b: tf.Tensor) => tf.logicalAnd(tf.greater(a, 0), tf.less(b, 0)),
      ],
    ] as [string, (a: tf.Tensor, b: tf.Tensor) => tf.Tensor][]
  ).map(([name, op]): Case => [`${name}, ${how}`, () => op(...inputs())]),
);

const reductions: Case[] = (
  [
    ['all', undefined],
    ['rows', [1, 2, 3]],
    ['channels', [0, 1, 2]],
    ['space', [1, 2]],
    ['apart', [0, 2]],
    ['last', [3]],
  ] as [string, number[] | undefined][]
).flatMap(([what, axes]): Case[] => [
  [`sum of ${what}`, () => tf.sum(x4([5, 31, 33, 19]), axes)],
  [`mean of ${what}, keepDims`, () => tf.mean(x4([5, 31, 33, 19]), axes, true)],
  [`max of ${what}`, () => tf.max(x4([5, 31, 33, 19]), axes)],
  [`min of ${what}, keepDims`, () => tf.min(x4([5, 31, 33, 19]), axes, true)],
  [`int32 sum of ${what}`, () => tf.sum(tf.cast(tf.mul(x4([5, 31, 33, 19]), 100), 'int32'), axes)],
]);

const others: Case[] = [
  ['addN', () => tf.addN([x1(40_001), x1(40_001, 2), x1(40_001, 3)])],
  ['argMax', () => [tf.argMax(x2(300, 211), 1), tf.argMax(x2(300, 211), 0)]],
  ['argMin', () => tf.argMin(x4([3, 4, 50, 7]), 2)],
  ['softmax', () => tf.softmax(tf.mul(x2(70, 1000), 30))],
  ['select', () => tf.where(tf.greater(x2(99, 401), 0), x2(99, 401, 2), x2(99, 401, 3))],
  [
    'cast',
    () => {
      const x = tf.mul(x1(20_001), 1e4);
      return [
        tf.cast(x, 'int32'),
        tf.cast(tf.floor(x.div(5000)), 'bool'),
        tf.cast(tf.cast(x, 'int32'), 'float32'),
      ];
    },
  ],
  [
    'concat',
    () => [0, 1, 2, 3].map((axis) => tf.concat([x4([5, 6, 7, 8]), x4([5, 6, 7, 8], 2)], axis)),
  ],
  [
    'concat of channels',
    () => tf.concat([x4([2, 9, 9, 57]), x4([2, 9, 9, 3], 2), x4([2, 9, 9, 20], 3)], 3),
  ],
  ['split', () => tf.split(x4([2, 9, 9, 57]), [10, 7, 40], 3)],
  ['slice', () => tf.slice(x4([4, 12, 13, 30]), [1, 2, 3, 5], [2, 9, 7, 21])],
  [
    'pad',
    () =>
      tf.pad(
        x4([3, 8, 9, 11]),
        [
          [1, 0],
          [2, 1],
          [0, 3],
          [1, 2],
        ],
        0.5,
      ),
  ],
  ['tile', () => tf.tile(x4([2, 3, 4, 50]), [2, 1, 3, 2])],
  ['reverse', () => tf.reverse(x4([5, 6, 7, 30]), [0, 2, 3])],
  [
    'gather',
    () => [0, 1].map((axis) => tf.gather(x2(40, 50), tf.tensor1d([3, 39, 0, 3, 7], 'int32'), axis)),
  ],
  ['oneHot', () => tf.oneHot(tf.tensor1d([3, -1, 7, 99, 0], 'int32'), 10)],
  [
    'unsortedSegmentSum',
    () => tf.unsortedSegmentSum(x2(6, 50), tf.tensor1d([0, 2, 0, 1, 5, 2], 'int32'), 4),
  ],
  ['fill', () => [tf.fill([50, 50], 0.25), tf.zerosLike(x2(40, 40)), tf.onesLike(x2(40, 40))]],
  ...[
    [0, 2, 3, 1],
    [3, 2, 1, 0],
    [0, 1, 3, 2],
    [2, 0, 1, 3],
    [0, 3, 1, 2],
  ].map((perm): Case => [
    `transpose ${perm.join('')}`,
    () => tf.transpose(x4([3, 35, 34, 66]), perm),
  ]),
  [
    'channel shuffle',
    () =>
      tf.reshape(
        tf.transpose(tf.reshape(x4([2, 14, 14, 57]), [2, 14, 14, 3, 19]), [0, 1, 2, 4, 3]),
        [2, 14, 14, 57],
      ),
  ],
  ...[
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ].map(([ta, tb]): Case => [
    `matMul ${ta} ${tb}`,
    () => tf.matMul(ta ? x2(130, 77) : x2(77, 130), tb ? x2(91, 130, 2) : x2(130, 91, 2), ta, tb),
  ]),
  [
    'batched matMul',
    () => {
      const a = tf.tensor3d(randomValues(6 * 9 * 33, 1), [6, 9, 33]);
      const b = tf.tensor3d(randomValues(6 * 33 * 20, 2), [6, 33, 20]);
      return [tf.matMul(a, b), tf.matMul(a, tf.slice(b, [0, 0, 0], [1, 33, 20]))];
    },
  ],
  [
    'fused matMul',
    () =>
      tf.fused.matMul({
        a: x2(60, 70),
        b: x2(70, 80, 2),
        bias: x1(80, 3),
        activation: 'leakyrelu',
        leakyreluAlpha: 0.3,
      }),
  ],
  [
    'batchNorm',
    () =>
      tf.batchNorm(x4([4, 9, 11, 57]), x1(57, 2), tf.abs(x1(57, 3)), x1(57, 4), x1(57, 5), 1e-5),
  ],
  ['batchNorm without scale', () => tf.batchNorm(x4([4, 9, 11, 57]), x1(57, 2), tf.abs(x1(57, 3)))],
  ...[
    [true, false],
    [false, true],
    [false, false],
  ].map(([corners, centers]): Case => [
    `resizeBilinear ${corners} ${centers}`,
    () => tf.image.resizeBilinear(x4([2, 13, 17, 19]), [29, 8], corners, centers),
  ]),
];

type Padding =
  'same' | 'valid' | [[number, number], [number, number], [number, number], [number, number]];
const explicit: Padding = [
  [0, 0],
  [1, 2],
  [0, 1],
  [0, 0],
];

const convolutions: Case[] = (
  [
    ['1x1', [4, 14, 14, 57], [1, 1, 57, 23], 1, 'valid', 1],
    ['1x1 of one channel', [2, 9, 9, 1], [1, 1, 1, 5], 1, 'valid', 1],
    ['1x1, strides 2', [4, 15, 15, 20], [1, 1, 20, 30], 2, 'same', 1],
    ['3x3', [3, 15, 13, 24], [3, 3, 24, 18], 1, 'same', 1],
    ['3x3, strides 2', [3, 15, 13, 24], [3, 3, 24, 18], 2, 'same', 1],
    ['3x3, dilations 2', [2, 15, 13, 8], [3, 3, 8, 9], 1, 'valid', 2],
    [
      'stem',
      [3, 64, 64, 3],
      [3, 3, 3, 24],
      2,
      [
        [0, 0],
        [1, 1],
        [1, 1],
        [0, 0],
      ],
      1,
    ],
    ['2x3, explicit', [2, 11, 9, 70], [2, 3, 70, 65], 1, explicit, 1],
    ['one pixel', [1, 1, 1, 33], [3, 3, 33, 17], 1, 'same', 1],
  ] as [
    string,
    [number, number, number, number],
    [number, number, number, number],
    number,
    Padding,
    number,
  ][]
).flatMap(([name, shape, filterShape, strides, pad, dilations]): Case[] => {
  const f = (x: tf.Tensor, filter: tf.Tensor) =>
    tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, strides, pad, 'NHWC', dilations);
  const depthwise = (x: tf.Tensor, filter: tf.Tensor) =>
    tf.depthwiseConv2d(x as tf.Tensor4D, filter as tf.Tensor4D, strides, pad, 'NHWC', dilations);
  const depthwiseShape: [number, number, number, number] = [
    filterShape[0],
    filterShape[1],
    shape[3],
    1,
  ];
  const gradients = (op: (x: tf.Tensor, w: tf.Tensor) => tf.Tensor, w: () => tf.Tensor): Case[] => [
    [`forward, ${name}`, () => op(x4(shape), w())],
    ...(dilations === 1
      ? [
          [
            `gradients, ${name}`,
            () => tf.grads(op)([x4(shape), w()], randomLike(op(x4(shape), w()))),
          ] as Case,
        ]
      : []),
  ];
  return [
    ...gradients(f, () => x4(filterShape, 2)).map(([n, run]): Case => [`conv2d ${n}`, run]),
    ...gradients(depthwise, () => x4(depthwiseShape, 2)).map(([n, run]): Case => [
      `depthwise ${n}`,
      run,
    ]),
  ];
});

function randomLike(x: tf.Tensor): tf.Tensor {
  return tf.tensor(randomValues(x.size, 9), x.shape);
}

const pools: Case[] = (
  [
    ['3x3, strides 2', [3, 17, 16, 57], 3, 2, 'same'],
    ['2x2', [2, 10, 10, 5], 2, 2, 'valid'],
    ['7x7', [4, 7, 7, 33], 7, 1, 'valid'],
    ['padded', [2, 13, 13, 20], 3, 2, 1],
  ] as [string, [number, number, number, number], number, number, 'same'][]
).flatMap(([name, shape, size, strides, pad]): Case[] =>
  [tf.maxPool, tf.avgPool].flatMap((op, i): Case[] => {
    const rounding = (pad as unknown) === 1 ? 'floor' : undefined;
    const f = (x: tf.Tensor) => op(x as tf.Tensor4D, size, strides, pad, rounding);
    return [
      [`${i ? 'avgPool' : 'maxPool'} ${name}`, () => f(x4(shape))],
      [
        `${i ? 'avgPool' : 'maxPool'} gradient ${name}`,
        () => tf.grad(f)(x4(shape), randomLike(f(x4(shape)))),
      ],
    ];
  }),
);

async function results(
  backend: string,
  run: Case[1],
): Promise<{ shape: number[]; dtype: string; values: Float32Array }[]> {
  await tf.setBackend(backend);
  return tf.tidy(() => {
    const outputs = run();
    return (Array.isArray(outputs) ? outputs : [outputs]).map((y) => ({
      shape: y.shape,
      dtype: y.dtype,
      values: y.dataSync() as Float32Array,
    }));
  });
}

/** The greatest difference, relative to the greatest value: sums cancel. */
function distance(a: Float32Array, b: Float32Array): number {
  let greatest = 1e-30;
  let difference = 0;
  for (let i = 0; i < a.length; i++) {
    if (Number.isNaN(a[i]) !== Number.isNaN(b[i])) return Infinity;
    if (a[i] === b[i] || Number.isNaN(a[i])) continue;
    greatest = Math.max(greatest, Math.abs(b[i]!));
    difference = Math.max(difference, Math.abs(a[i]! - b[i]!));
  }
  return difference / greatest;
}

const groups: Record<string, Case[]> = { unary, binary, reductions, others, convolutions, pools };

afterEach(() => {
  vi.restoreAllMocks();
});

describe.each(Object.keys(groups))('native kernels: %s', (group) => {
  test.each(groups[group]!)('%s as on cpu', async (_name, run) => {
    // What kernels of tfjs-backend-cpu read their inputs through.
    const hostValues = vi.spyOn(TensorData.prototype, 'values', 'get');
    const actual = await results(backendName, run);
    expect(hostValues).not.toHaveBeenCalled();
    vi.restoreAllMocks();
    const expected = await results('cpu', run);
    expect(actual.map(({ shape, dtype }) => ({ shape, dtype }))).toEqual(
      expected.map(({ shape, dtype }) => ({ shape, dtype })),
    );
    actual.forEach(({ values }, i) =>
      expect(distance(values, expected[i]!.values)).toBeLessThan(5e-6),
    );
  });
});

test('every kernel that networks need is native', () => {
  const needed =
    'Abs Add AddN ArgMax AvgPool AvgPoolGrad BatchMatMul Cast ClipByValue Concat Conv2D Conv2DBackpropFilter ' +
    'Conv2DBackpropInput DepthwiseConv2dNative DepthwiseConv2dNativeBackpropFilter DepthwiseConv2dNativeBackpropInput ' +
    'Equal Exp Fill Floor FusedBatchNorm FusedConv2D GatherV2 Greater GreaterEqual LessEqual Log LogicalAnd Max ' +
    'MaxPool MaxPoolGrad Maximum Mean Minimum Multiply Neg PadV2 RealDiv Relu ResizeBilinear Reverse Rsqrt Select ' +
    'Slice Softmax SplitV Sqrt Square Step Sub Sum Tile Transpose ZerosLike _FusedMatMul';
  // Identity and Reshape share the data of their input, whichever kernel does it.
  expect(needed.split(' ').filter((name) => nativeKernels[name] === undefined)).toEqual([]);
});
