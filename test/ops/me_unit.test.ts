import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, test } from 'vitest';
import { expandJoinReference } from '../../src/ops/expand_join.js';
import {
  compressShuffleReference,
  groupConvShuffleDepthwise,
} from '../../src/ops/group_conv_shuffle_depthwise.js';
import { meUnit } from '../../src/ops/me_unit.js';
import { mergeEvolve } from '../../src/ops/merge_evolve.js';
import { at, slide } from './plain_maps.js';
import { randomUnit, unitShapes } from './random_units.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

test.each(unitShapes)('is the composition of the partial ops: %o', (shape) => {
  const { x, params, options, dispose } = randomUnit(shape, 1, false);
  tf.tidy(() => {
    const h = compressShuffleReference(x, params, options);
    const residual = groupConvShuffleDepthwise(x, params, options);
    const gated = mergeEvolve(h, residual, params, options);
    const y = meUnit(x, params, options);
    const size = (length: number) => Math.ceil(length / shape.strides);
    const { batch, height, width, outChannels } = shape;
    expect(y.shape).toEqual([batch, size(height), size(width), outChannels]);
    expect(y.dataSync()).toEqual(expandJoinReference(x, gated, params, options).dataSync());
  });
  dispose();
});

test.each([
  [8, 8],
  [7, 5],
  [1, 1],
])('the downsampling unit counts the padding of %i×%i maps in its average', (height, width) => {
  const base = { batch: 2, height, width, inChannels: 6, middle: 4, outChannels: 8, side: 2 };
  const { x, params, options, dispose } = randomUnit(
    { ...base, groups: 2, compressGroups: 2, strides: 2 },
    3,
    false,
  );
  const input = { shape: x.shape, data: Float64Array.from(x.dataSync()) };
  const pooled = slide(input, 2, 6, (places, n, c) => {
    const sum = places.reduce((total, { y, x: column }) => total + at(input, [n, y, column, c]), 0);
    return Math.max(0, sum / 9);
  });
  tf.tidy(() => {
    const y = meUnit(x, params, options);
    const half = tf.slice(y, [0, 0, 0, 2]).dataSync();
    half.forEach((value, i) => expect(value).toBeCloseTo(pooled.data[i] as number, 6));
    expect(half).toHaveLength(pooled.data.length);
  });
  dispose();
});

test('a training step keeps nothing but its results', () => {
  const { x, params, options, dispose } = randomUnit(unitShapes[1] as (typeof unitShapes)[0]);
  const before = tf.memory().numTensors;
  const { value, grads } = tf.variableGrads(() => tf.sum(meUnit(x, params, options)));
  const made = Object.keys(grads).length + 1;
  expect(tf.memory().numTensors).toBe(before + made);
  tf.dispose([value, grads]);
  meUnit(x, params, options).dispose();
  expect(tf.memory().numTensors).toBe(before);
  dispose();
});
