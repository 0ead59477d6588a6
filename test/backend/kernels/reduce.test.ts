import * as tf from '@tensorflow/tfjs';
import { testAgainstCpu, type Case, x4 } from './compare.js';

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

testAgainstCpu(reductions);
