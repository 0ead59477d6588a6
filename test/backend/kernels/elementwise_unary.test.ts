import * as tf from '@tensorflow/tfjs';
import { testAgainstCpu, type Case, x1 } from './compare.js';

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

testAgainstCpu(unary);
