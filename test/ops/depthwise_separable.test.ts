import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';
import '../../src/backend/register.js';
import {
  depthwiseSeparable,
  depthwiseSeparableReference,
} from '../../src/ops/depthwise_separable.js';
import { generatedValues } from '../generated_values.js';
import { at, makeMaps, type Maps, slide } from './plain_maps.js';

interface Norm {
  scale: Float32Array;
  offset: Float32Array;
  mean: Float32Array;
  variance: Float32Array;
}

function makeNorm(channels: number, seed: number): Norm {
  const values = (offset: number, center: number) =>
    generatedValues(channels, seed + offset).map((value) => center + 0.3 * value);
  return { scale: values(0, 1), offset: values(1, 0), mean: values(2, 0), variance: values(3, 1) };
}

/** relu of batch norm of one value, by its definition. */
function activate(value: number, norm: Norm, c: number): number {
  const { scale, offset, mean, variance } = norm;
  const standard = (value - mean[c]!) / Math.sqrt(variance[c]! + 1e-5);
  return Math.max(0, standard * scale[c]! + offset[c]!);
}

const tensorsOf = (norm: Norm) => ({
  scale: tf.tensor1d(norm.scale),
  offset: tf.tensor1d(norm.offset),
  mean: tf.tensor1d(norm.mean),
  variance: tf.tensor1d(norm.variance),
});

describe.each(['cpu', 'menet'])('on %s', (backend) => {
  beforeAll(async () => {
    await tf.setBackend(backend);
  });

  // From one pixel and channel to several tiles of pixels, vectors of channels and blocks of rows.
  test.each([
    { maps: [1, 1, 1], channels: [1, 1], strides: 1 },
    { maps: [2, 7, 5], channels: [5, 9], strides: 2 },
    { maps: [1, 19, 11], channels: [40, 70], strides: 1 },
    { maps: [5, 20, 9], channels: [18, 33], strides: 2 },
  ] as const)('both convolutions, norms and relus by their definitions: %j', (size) => {
    const [batch, height, width] = size.maps;
    const [inChannels, outChannels] = size.channels;
    const x: Maps = {
      shape: [batch, height, width, inChannels],
      data: Float64Array.from(generatedValues(batch * height * width * inChannels, 1)),
    };
    const taps = generatedValues(9 * inChannels, 2);
    const mixing = generatedValues(inChannels * outChannels, 3);
    const [first, second] = [makeNorm(inChannels, 10), makeNorm(outChannels, 20)];
    const hidden = slide(x, size.strides, inChannels, (places, n, c) => {
      const sum = places.reduce(
        (total, place, k) => total + at(x, [n, place.y, place.x, c]) * taps[k * inChannels + c]!,
        0,
      );
      return activate(sum, first, c);
    });
    const [, outHeight, outWidth] = hidden.shape;
    const expected = makeMaps([batch, outHeight, outWidth, outChannels], (n, row, column, c) => {
      let sum = 0;
      for (let k = 0; k < inChannels; k++)
        sum += at(hidden, [n, row, column, k]) * mixing[k * outChannels + c]!;
      return activate(sum, second, c);
    });
    tf.tidy(() => {
      const params = {
        depthwise: tf.tensor4d(taps, [3, 3, inChannels, 1]),
        bnDepthwise: tensorsOf(first),
        pointwise: tf.tensor4d(mixing, [1, 1, inChannels, outChannels]),
        bnPointwise: tensorsOf(second),
      };
      const input = tf.tensor4d(Float32Array.from(x.data), x.shape);
      const y = depthwiseSeparable(input, params, { strides: size.strides });
      expect(y.shape).toEqual(expected.shape);
      y.dataSync().forEach((value, i) => expect(value).toBeCloseTo(expected.data[i]!, 4));
    });
  });
});

test('a training step with weights that fill a cache is that of stock ops', async () => {
  await tf.setBackend('menet');
  const channels = 512;
  const variables = tf.tidy(() => {
    const make = (seed: number, scale: number, ...shape: number[]) => {
      const values = generatedValues(tf.util.sizeFromShape(shape), seed);
      return tf.variable(
        tf.tensor(
          values.map((value) => value * scale),
          shape,
        ),
      );
    };
    const norm = (seed: number) => ({
      scale: make(seed, 1, channels) as tf.Variable<tf.Rank.R1>,
      offset: make(seed + 1, 1, channels) as tf.Variable<tf.Rank.R1>,
      mean: tf.variable(tf.zeros<tf.Rank.R1>([channels]), false),
      variance: tf.variable(tf.ones<tf.Rank.R1>([channels]), false),
    });
    return {
      x: make(1, 1, 9, 5, 5, channels) as tf.Variable<tf.Rank.R4>,
      depthwise: make(2, 1, 3, 3, channels, 1) as tf.Variable<tf.Rank.R4>,
      bnDepthwise: norm(3),
      pointwise: make(5, 0.1, 1, 1, channels, channels) as tf.Variable<tf.Rank.R4>,
      bnPointwise: norm(6),
    };
  });
  const dy = tf.tensor4d(generatedValues(9 * 25 * channels, 9), [9, 5, 5, channels]);
  const options = { strides: 1, training: true } as const;
  const step = (op: typeof depthwiseSeparable) =>
    tf.variableGrads(() => tf.sum(tf.mul(op(variables.x, variables, options), dy))).grads;
  tf.tidy(() => {
    const [fused, stock] = [step(depthwiseSeparable), step(depthwiseSeparableReference)];
    expect(Object.keys(fused)).toHaveLength(7);
    for (const [name, expected] of Object.entries(stock)) {
      const error = tf.norm(tf.sub(fused[name]!, expected)).dataSync()[0]!;
      expect(error / tf.norm(expected).dataSync()[0]!, name).toBeLessThan(1e-4);
    }
  });
  const { bnDepthwise, bnPointwise, ...weights } = variables;
  tf.dispose([dy, weights, bnDepthwise, bnPointwise]);
});
