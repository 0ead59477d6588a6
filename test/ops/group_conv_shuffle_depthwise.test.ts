import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, test } from 'vitest';
import { groupConvShuffleDepthwise } from '../../src/ops/group_conv_shuffle_depthwise.js';
import { at, makeMaps, type Maps, slide } from './plain_maps.js';
import { type RandomUnit, randomUnit, unitShapes } from './random_units.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

test.each(unitShapes)('inference form from the definition: %o', (shape) => {
  const unit = randomUnit(shape, 1, false);
  const before = tf.memory().numTensors;
  const y = groupConvShuffleDepthwise(unit.x, unit.params, unit.options);
  expect(tf.memory().numTensors).toBe(before + 1);
  const expected = plainDefinition(unit);
  expect(y.shape).toEqual(expected.shape);
  y.dataSync().forEach((value, i) => expect(value).toBeCloseTo(expected.data[i] as number, 5));
  y.dispose();
  unit.dispose();
});

function plainDefinition({ x, params, options: { groups, strides } }: RandomUnit): Maps {
  const [batch, height, width, inChannels] = x.shape;
  const [, , groupIn, middle] = params.compress.shape;
  const input = { shape: x.shape, data: Float64Array.from(x.dataSync()) };
  const compress = params.compress.dataSync();
  const depthwise = params.depthwise.dataSync();
  const { scale, offset, mean, variance } = params.bnCompress;
  const [gamma, beta, mu, v] = [scale, offset, mean, variance].map((t) => t.dataSync());
  const groupOut = middle / (inChannels / groupIn);
  const active = makeMaps([batch, height, width, middle], (n, y, column, c) => {
    const first = Math.floor(c / groupOut) * groupIn;
    let sum = 0;
    for (let k = 0; k < groupIn; k++) {
      sum += at(input, [n, y, column, first + k]) * (compress[k * middle + c] as number);
    }
    const normalised = (sum - (mu?.[c] ?? NaN)) / Math.sqrt((v?.[c] ?? NaN) + 1e-5);
    return Math.max(0, normalised * (gamma?.[c] ?? NaN) + (beta?.[c] ?? NaN));
  });
  const perGroup = middle / groups;
  return slide(active, strides, middle, (places, n, c) =>
    places.reduce((sum, { y, x: column }, k) => {
      // Channel j·(c/g)+i moves to i·g+j, so c = i·g+j comes from there.
      const source = (c % groups) * perGroup + Math.floor(c / groups);
      const weight = depthwise[k * middle + c] as number;
      return sum + weight * at(active, [n, y, column, source]);
    }, 0),
  );
}
