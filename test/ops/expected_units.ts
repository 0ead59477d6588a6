import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, test } from 'vitest';
import { type HostTensor, readCheckpoint } from '../../src/checkpoints/checkpoint.js';
import { type BatchNormParams } from '../../src/ops/batch_norm.js';
import { meUnit, type MeUnitParams } from '../../src/ops/me_unit.js';
import { shuffleUnit, type ShuffleUnitParams } from '../../src/ops/shuffle_unit.js';
import { describeWithReference, referenceFile } from '../reference_data.js';

type Tensors = Map<string, HostTensor>;

/** The stored units: file, op, groups, strides. */
const units = [
  { file: 'me-unit', op: 'meUnit', groups: 3, strides: 1 },
  { file: 'me-unit-down', op: 'meUnit', groups: 3, strides: 2 },
  { file: 'me-unit-down-first', op: 'meUnit', groups: 3, strides: 2 },
  { file: 'me-unit-g8', op: 'meUnit', groups: 8, strides: 1 },
  { file: 'shuffle-unit', op: 'shuffleUnit', groups: 3, strides: 1 },
  { file: 'shuffle-unit-down', op: 'shuffleUnit', groups: 3, strides: 2 },
] as const;

/** Name of each argument in the stored units. */
const published = {
  compress: 'compress',
  bnCompress: 'bn_compress',
  depthwise: 'depthwise',
  bnDepthwise: 'bn_depthwise',
  expand: 'expand',
  bnExpand: 'bn_expand',
  merge: 's_merge',
  bnMerge: 's_bn_merge',
  conv: 's_conv',
  bnConv: 's_bn_conv',
  evolve: 's_evolve',
  bnEvolve: 's_bn_evolve',
} as const;

const batchNormEntries = {
  scale: 'weight',
  offset: 'bias',
  mean: 'running_mean',
  variance: 'running_var',
} as const;

/**
 * Checks `meUnit` and `shuffleUnit` on a tfjs backend against the stored float64 units: output in
 * both forms, running statistics, and the gradient of every input, each within `tolerance` of its
 * norm.
 */
export function testExpectedUnits(backend: string, tolerance = 1e-5): void {
  describeWithReference(`stored units on ${backend}`, () => {
    beforeAll(async () => {
      await tf.setBackend(backend);
    });

    test.each(units)('$file', async (unit) => {
      const file = referenceFile(`expected/${unit.file}.safetensors`);
      const { tensors: stored } = await readCheckpoint(file);
      const variables = makeVariables(stored);
      const before = tf.memory().numTensors;
      checkUnit(unit, stored, variables, tolerance);
      expect(tf.memory().numTensors).toBe(before);
      tf.dispose([...variables.values()]);
    });
  });
}

function checkUnit(
  { op, groups, strides }: (typeof units)[number],
  stored: Tensors,
  variables: Map<string, tf.Variable>,
  tolerance: number,
): void {
  const params = makeParams(variables);
  const apply = (x: tf.Tensor4D, training: boolean) =>
    op === 'meUnit'
      ? meUnit(x, params as MeUnitParams, { groups, strides, training })
      : shuffleUnit(x, params, { groups, strides, training });
  const norm = (tensor: tf.Tensor) => tf.tidy(() => tf.norm(tensor).dataSync()[0] as number);
  const dyNorm = Math.hypot(...(stored.get('dy')?.data as Float32Array));
  const compare = (name: string, found: tf.Tensor | undefined) => {
    const expected = toTfjs(name, stored);
    expect(found?.shape, name).toEqual(expected.shape);
    const error = norm(tf.sub(found as tf.Tensor, expected));
    // A gradient that a later batch norm cancels is the rounding of terms as large as dy.
    expect(error / Math.max(norm(expected), 0.1 * dyNorm), name).toBeLessThan(tolerance);
  };
  tf.tidy(() => {
    const x = tf.variable(toTfjs('x', stored)) as tf.Variable<tf.Rank.R4>;
    const dy = toTfjs('dy', stored);
    const { value, grads } = tf.variableGrads(() => {
      const y = apply(x, true);
      compare('y_train', y);
      return tf.sum(tf.mul(y, dy));
    });
    value.dispose();
    compare('dx', grads[x.name]);
    for (const [name, variable] of variables) {
      if (variable.trainable) compare(`grad.${name}`, grads[variable.name]);
      else compare(`after.${name}`, variable);
    }
    compare('y_eval', apply(x, false));
    x.dispose();
  });
}

/** One variable for each `param.` entry, in tfjs layout; running statistics are not trainable. */
function makeVariables(stored: Tensors): Map<string, tf.Variable> {
  const names = [...stored.keys()].filter((name) => name.startsWith('param.'));
  const variables = new Map<string, tf.Variable>();
  tf.tidy(() => {
    for (const name of names) {
      const trainable = !name.includes('running');
      variables.set(name.slice('param.'.length), tf.variable(toTfjs(name, stored), trainable));
    }
  });
  return variables;
}

function makeParams(variables: Map<string, tf.Variable>): MeUnitParams | ShuffleUnitParams {
  const entries = Object.entries(published)
    .filter(([, name]) => variables.has(`${name}.weight`))
    .map(([argument, name]) => {
      const weight = variables.get(`${name}.weight`);
      if (!argument.startsWith('bn')) return [argument, weight];
      const norm = Object.entries(batchNormEntries).map(([key, entry]) => [
        key,
        variables.get(`${name}.${entry}`),
      ]);
      return [argument, Object.fromEntries(norm) as BatchNormParams];
    });
  return Object.fromEntries(entries) as MeUnitParams | ShuffleUnitParams;
}

/** PyTorch layout to tfjs: NCHW to NHWC, OIHW to HWIO, depthwise [C, 1, 3, 3] to [3, 3, C, 1]. */
function toTfjs(name: string, stored: Tensors): tf.Tensor {
  const entry = stored.get(name);
  if (!entry) throw new Error(`no entry ${name}`);
  const tensor = tf.tensor(entry.data as Float32Array, entry.shape, 'float32');
  if (entry.shape.length !== 4) return tensor;
  if (!name.endsWith('.weight')) return tf.transpose(tensor, [0, 2, 3, 1]);
  return tf.transpose(tensor, name.includes('depthwise') ? [2, 3, 0, 1] : [2, 3, 1, 0]);
}
