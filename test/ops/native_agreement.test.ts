import * as tf from '@tensorflow/tfjs';
import { describe, expect, test } from 'vitest';
import '../../src/backend/register.js';
import { type BatchNormParams } from '../../src/ops/batch_norm.js';
import { depthwiseSeparable } from '../../src/ops/depthwise_separable.js';
import {
  groupConvShuffleDepthwise,
  type UnitOptions,
} from '../../src/ops/group_conv_shuffle_depthwise.js';
import { meUnit, type MeUnitParams } from '../../src/ops/me_unit.js';
import { mergeEvolve } from '../../src/ops/merge_evolve.js';
import { shuffleUnit } from '../../src/ops/shuffle_unit.js';
import { generatedValues } from '../generated_values.js';
import { randomUnit, separableParams, type UnitShape, unitShapes } from './random_units.js';

type Apply = (x: tf.Tensor4D, params: MeUnitParams, options: UnitOptions) => tf.Tensor4D;

/** The ops on a unit's input; those of fewer channels read its first one over and over. */
const ops: Record<string, Apply> = {
  groupConvShuffleDepthwise,
  meUnit,
  shuffleUnit,
  depthwiseSeparable: (x, params, options) => {
    const block = separableParams(params);
    return depthwiseSeparable(narrowed(x, params), block, options);
  },
  mergeEvolve: (x, params, options) => {
    const h = narrowed(x, params);
    const residual = tf.depthwiseConv2d(h, params.depthwise, options.strides, 1);
    return mergeEvolve(h, residual, params, options);
  },
};

function narrowed(x: tf.Tensor4D, { depthwise }: MeUnitParams): tf.Tensor4D {
  const first = tf.slice(x, [0, 0, 0, 0], [-1, -1, -1, 1]);
  return tf.relu(tf.tile(first, [1, 1, 1, depthwise.shape[2]]));
}

const count = process.env.MENET_TEST_ALL ? 400 : 12;
const shapes = [...unitShapes, ...Array.from({ length: count }, (_, i) => randomShape(i + 1))];

describe.each(Object.entries(ops))('%s on menet agrees with the reference on cpu', (_, apply) => {
  test.each(shapes)('%j', async (shape) => {
    for (const training of [false, true]) {
      const expected = await results('cpu', apply, shape, training);
      const found = await results('menet', apply, shape, training);
      expect([...found.keys()]).toEqual([...expected.keys()]);
      const largest = Math.max(...[...expected.values()].map((data) => norm(data)));
      for (const [name, data] of expected) {
        const difference = data.map((value, i) => value - (found.get(name)?.[i] ?? NaN));
        // What a later batch norm cancels is left with the rounding of terms as large as any.
        const error = norm(difference) / Math.max(norm(data), 1e-2 * largest);
        expect(error, `${name}, training ${training}`).toBeLessThan(tolerance(name, shape));
      }
    }
  });
});

/**
 * One value per channel has variance 0, and a batch norm folded to a factor and a shift multiplies
 * its rounding by 1 / sqrt(epsilon), about 300. Gradients pass up to six batch norms of few values
 * and jump where rounding moves a value across a relu's corner.
 */
function tolerance(name: string, { batch, height, width, strides }: UnitShape): number {
  if (name !== 'y') return 2e-2;
  const values = batch * Math.ceil(height / strides) * Math.ceil(width / strides);
  return values === 1 ? 1e-3 : 1e-5;
}

/** Output, every gradient and the running statistics of an op on a backend. */
async function results(
  backend: string,
  apply: Apply,
  shape: UnitShape,
  training: boolean,
): Promise<Map<string, Float32Array>> {
  await tf.setBackend(backend);
  const unit = randomUnit(shape, 1, training);
  const found = new Map<string, Float32Array>();
  const record = (name: string, tensor: tf.Tensor) =>
    found.set(name, tensor.dataSync<'float32'>().slice());
  tf.tidy(() => {
    const { grads } = tf.variableGrads(() => {
      const y = apply(unit.x, unit.params, unit.options);
      record('y', y);
      return tf.sum(tf.mul(y, tf.tensor(generatedValues(y.size, 99), y.shape)));
    });
    const variables: [string, tf.Variable][] = [['x', unit.x as tf.Variable]];
    for (const [name, value] of Object.entries(unit.params)) {
      const parts = value instanceof tf.Tensor ? { [name]: value } : (value as BatchNormParams);
      for (const [key, part] of Object.entries(parts)) {
        variables.push([key === name ? name : `${name}.${key}`, part as tf.Variable]);
      }
    }
    for (const [name, variable] of variables) {
      const isRunning = /\.(mean|variance)$/.test(name);
      const gradient = grads[variable.name];
      if (isRunning) record(name, variable);
      else if (gradient) record(`gradient of ${name}`, gradient);
    }
  });
  unit.dispose();
  return found;
}

/** Sizes from 1 to 12, groups of every published number, widths that are no multiples of 8. */
function randomShape(seed: number): UnitShape {
  const random = generatedValues(8, 1000 + seed);
  const pick = (i: number, from: number, to: number) =>
    from + Math.floor((((random[i] as number) + 1) / 2) * (to - from + 1));
  const groups = [1, 2, 3, 4, 8][pick(0, 0, 4)] as number;
  const strides = pick(1, 1, 2) as 1 | 2;
  const inChannels = groups * pick(2, 1, 9);
  return {
    batch: pick(3, 1, 3),
    height: pick(4, 1, 12),
    width: pick(5, 1, 12),
    inChannels,
    middle: groups * pick(6, 1, 7),
    outChannels: strides === 2 ? inChannels + groups * pick(7, 1, 5) : inChannels,
    side: pick(7, 1, 13),
    groups,
    compressGroups: strides === 2 && seed % 2 === 0 ? 1 : groups,
    strides,
  };
}

function norm(data: Float32Array): number {
  return Math.hypot(...data);
}
