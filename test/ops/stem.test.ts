import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';
import '../../src/backend/register.js';
import { stem } from '../../src/ops/stem.js';
import { generatedValues } from '../generated_values.js';
import { at, type Maps, slide } from './plain_maps.js';

describe.each(['cpu', 'menet'])('on %s', (backend) => {
  beforeAll(async () => {
    await tf.setBackend(backend);
  });

  test.each([
    [1, 8, 8],
    [2, 9, 7],
    [1, 1, 2],
    [2, 11, 10],
  ])(
    '%i×%i×%i images: conv, batch norm, relu, with and without max pool, by their definitions',
    (...size) => {
      const [batch, height, width] = size;
      const channels = 5;
      const input: Maps = {
        shape: [batch, height, width, 3],
        data: Float64Array.from(generatedValues(batch * height * width * 3, 1)),
      };
      const weights = generatedValues(27 * channels, 2);
      const [scale, offset, mean, spread] = [3, 4, 5, 6].map((seed) =>
        generatedValues(channels, seed),
      );
      const variance = spread?.map((value) => 1 + value / 2);
      const active = slide(input, 2, channels, (places, n, c) => {
        let sum = 0;
        places.forEach(({ y, x }, k) => {
          for (let j = 0; j < 3; j++) {
            sum += at(input, [n, y, x, j]) * (weights[(k * 3 + j) * channels + c] as number);
          }
        });
        const [gamma = NaN, beta = NaN, mu = NaN, v = NaN] = [scale, offset, mean, variance].map(
          (values) => values?.[c],
        );
        return Math.max(0, ((sum - mu) / Math.sqrt(v + 1e-5)) * gamma + beta);
      });
      const pooled = slide(active, 2, channels, (places, n, c) =>
        Math.max(...places.map(({ y, x }) => at(active, [n, y, x, c], -Infinity))),
      );
      tf.tidy(() => {
        const [gamma, beta, mu, v] = [scale, offset, mean, variance].map((values) =>
          tf.tensor1d(values as Float32Array),
        ) as [tf.Tensor1D, tf.Tensor1D, tf.Tensor1D, tf.Tensor1D];
        const x = tf.tensor4d(Float32Array.from(input.data), input.shape);
        const params = {
          conv: tf.tensor4d(weights, [3, 3, 3, channels]),
          bn: { scale: gamma, offset: beta, mean: mu, variance: v },
        };
        for (const [options, expected] of [
          [undefined, pooled],
          [{ pooling: false }, active],
        ] as const) {
          const y = stem(x, params, options);
          expect(y.shape).toEqual(expected.shape);
          y.dataSync().forEach((value, i) =>
            expect(value).toBeCloseTo(expected.data[i] as number, 5),
          );
        }
      });
    },
  );
});
