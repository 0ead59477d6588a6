import * as tf from '@tensorflow/tfjs';
import { testAgainstCpu, type Case, x1, x2, x4 } from './compare.js';

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

testAgainstCpu(binary);
