import * as tf from '@tensorflow/tfjs';
import { randomLike, testAgainstCpu, type Case, type Shape4D, x4 } from './compare.js';

const pools: Case[] = (
  [
    ['3x3, strides 2', [3, 17, 16, 57], 3, 2, 'same'],
    ['2x2', [2, 10, 10, 5], 2, 2, 'valid'],
    ['7x7', [4, 7, 7, 33], 7, 1, 'valid'],
    ['padded', [2, 13, 13, 20], 3, 2, 1],
  ] as [string, Shape4D, number, number, 'same'][]
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

testAgainstCpu(pools);
