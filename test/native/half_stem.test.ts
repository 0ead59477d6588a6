import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';
import '../../src/index.js';
import { currentDevice } from '../../src/devices.js';
import { native } from '../../src/native.js';
import { stemReference } from '../../src/ops/stem.js';
import { generatedValues } from '../generated_values.js';
import { runFloat64, type Values } from './float64.js';
import { download, type HalfType, halfTypes, rounded, rounding, upload } from './half.js';
import { registerRoundingBackend } from './rounding_backend.js';

// The stem from float32 images to 16-bit activations, with the rule of half_units.test.ts.

const door = native();
const device = currentDevice();

/** [batch, height, width], channels: odd maps, one pixel, part of a vector. */
const shapes: [number[], number][] = [
  [[2, 17, 15], 24],
  [[1, 1, 1], 5],
  [[3, 8, 9], 19],
];

describe.each(halfTypes)('in %s', (dtype) => {
  let composition: string;
  beforeAll(async () => {
    await tf.setBackend('menet');
    composition = registerRoundingBackend(dtype);
  });

  describe.each([true, false])('pooling %s', (pooling) => {
    test.each(shapes)('%o images, %i channels', (images, channels) => {
      const seeds = [1, 2, 3, 4, 5, 6, 7, 8, 9];
      const errors = seeds.map((seed) => {
        const inputs = stemInputs(images, channels, seed);
        const exact = exactly(inputs, pooling, seed, dtype);
        const fused = natively(inputs, pooling, seed, dtype);
        const stock = composed(composition, inputs, pooling, seed, dtype);
        // What a batch norm cancels is the rounding of terms as large as dy.
        const least = norm(generatedValues(exact[1]!.length, 70 + seed));
        const relative = (values: Float64Array[]) =>
          values.map(
            (each, i) => distance(each, exact[i]!) / Math.max(norm(exact[i]!), i < 2 ? 0 : least),
          );
        return { fused: relative(fused), stock: relative(stock) };
      });
      const names = ['inference', 'y', 'conv', 'scale', 'offset', 'x'];
      names.forEach((name, i) => {
        const [error, limit] = (['fused', 'stock'] as const).map((form) =>
          median(errors.map((each) => each[form][i]!)),
        );
        expect(error, name).toBeLessThanOrEqual(2 * limit! + 2 * rounding[dtype]);
      });
    });
  });
});

/** Images, the convolution, scale, offset, mean, variance. */
function stemInputs([n, h, w]: number[], channels: number, seed: number): Values[] {
  const make = (shape: number[], number: number, scale = 1, offset = 0): Values => {
    const count = shape.reduce((a, b) => a * b, 1);
    const values = generatedValues(count, 100 * seed + number);
    return {
      shape,
      data: Float64Array.from(values, (value) => Math.fround(offset + scale * value)),
    };
  };
  return [
    make([n!, h!, w!, 3], 1),
    make([3, 3, 3, channels], 2, 0.3),
    make([channels], 3, 0.3, 1),
    make([channels], 4, 0.3),
    make([channels], 5, 0.2),
    make([channels], 6, 0.3, 1),
  ];
}

const dyOf = ({ shape, data }: Values, seed: number, dtype: HalfType): Values => {
  const values = generatedValues(data.length, 70 + seed);
  return rounded(door, { shape, data: Float64Array.from(values) }, dtype);
};

/** The inference form's output, the training form's, and the gradients. */
function exactly(inputs: Values[], pooling: boolean, seed: number, dtype: HalfType) {
  const copies = inputs.map(({ shape, data }) => ({ shape, data: data.slice() }));
  const inference = runFloat64('Stem', copies, { pooling, training: false })[0]!;
  const [y, z, statistics] = runFloat64('Stem', copies, { pooling, training: true });
  const gradients = runFloat64(
    'StemGrad',
    [dyOf(y!, seed, dtype), y!, ...inputs, z!, statistics!],
    { pooling, inputGradient: true },
  );
  return [inference, y!, ...gradients].map(({ data }) => data);
}

function natively(values: Values[], pooling: boolean, seed: number, dtype: HalfType) {
  const inputs = values.map((each) => upload(door, each, 'float32', device));
  const attributes = { pooling, storage: dtype };
  const [inference] = door.run('Stem', inputs, { ...attributes, training: false });
  const [y, z, statistics] = door.run('Stem', inputs, { ...attributes, training: true });
  expect([inference, y, z, statistics].map((each) => each!.dtype)).toEqual([
    ...[dtype, dtype, dtype, 'float32'],
  ]);
  const count = y!.shape.reduce((a, b) => a * b, 1);
  const dy = upload(
    door,
    dyOf({ shape: y!.shape, data: new Float64Array(count) }, seed, dtype),
    dtype,
    device,
  );
  const gradients = door.run('StemGrad', [dy, y!, ...inputs, z!, statistics!], {
    ...{ ...attributes, inputGradient: true },
  });
  expect(new Set(gradients.map((each) => each.dtype))).toEqual(new Set(['float32']));
  for (const { id } of [dy, ...inputs, z!, statistics!]) door.free(id);
  return [inference!, y!, ...gradients].map((each) => download(door, each).data);
}

function composed(
  backend: string,
  inputs: Values[],
  pooling: boolean,
  seed: number,
  dtype: HalfType,
): Float64Array[] {
  void tf.setBackend(backend); // at once, as its backend is made so
  let results: Float64Array[] = [];
  try {
    tf.tidy(() => {
      const [x, conv, scale, offset, mean, variance] = inputs.map(({ shape, data }) =>
        tf.variable(tf.tensor(Float32Array.from(data), shape)),
      ) as unknown as [tf.Tensor4D, tf.Tensor4D, ...tf.Variable<tf.Rank.R1>[]];
      const params = {
        conv,
        bn: { scale: scale!, offset: offset!, mean: mean!, variance: variance! },
      };
      const inference = numbers(stemReference(x, params, { pooling, training: false }));
      let y = new Float64Array();
      const { grads } = tf.engine().gradients(() => {
        const output = stemReference(x, params, { pooling, training: true });
        y = numbers(output);
        const dy = dyOf({ shape: output.shape, data: y }, seed, dtype);
        return tf.sum(tf.mul(output, tf.tensor(Float32Array.from(dy.data), dy.shape)));
      }, [conv, scale!, offset!, x]);
      results = [inference, y, ...grads.map(numbers)];
    });
    return results;
  } finally {
    void tf.setBackend('menet');
  }
}

const numbers = (tensor: tf.Tensor) => Float64Array.from(tensor.dataSync());
const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!;
const norm = (values: ArrayLike<number>): number => Math.hypot(...Array.from(values));
const distance = (a: Float64Array, b: Float64Array): number =>
  norm(a.map((value, i) => value - b[i]!));
