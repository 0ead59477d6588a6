import * as tf from '@tensorflow/tfjs';
import { randomLike, testAgainstCpu, type Case, type Shape4D, x4 } from './compare.js';

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
  ] as [string, Shape4D, Shape4D, number, Padding, number][]
).flatMap(([name, shape, filterShape, strides, pad, dilations]): Case[] => {
  const f = (x: tf.Tensor, filter: tf.Tensor) =>
    tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, strides, pad, 'NHWC', dilations);
  const depthwise = (x: tf.Tensor, filter: tf.Tensor) =>
    tf.depthwiseConv2d(x as tf.Tensor4D, filter as tf.Tensor4D, strides, pad, 'NHWC', dilations);
  const depthwiseShape: Shape4D = [filterShape[0], filterShape[1], shape[3], 1];
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

testAgainstCpu(convolutions);
