import * as tf from '@tensorflow/tfjs';
import { randomValues } from '../random_values.js';
import { testAgainstCpu, type Case, x1, x2, x4 } from './compare.js';

const arrays: Case[] = [
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

testAgainstCpu(arrays);
