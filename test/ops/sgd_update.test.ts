import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.js';
import { sgdUpdate, type SgdOptions } from '../../src/ops/sgd_update.js';
import { describeWithReference, referenceFile } from '../reference_data.js';

interface Optimizers {
  initial: number[];
  grads: number[][];
  cases: {
    config: {
      name: string;
      learning_rate: number;
      momentum: number;
      weight_decay: number;
      nesterov: boolean;
    };
    after_each_step: number[][];
  }[];
}

const options: SgdOptions = {
  learningRate: 0.1,
  momentum: 0.9,
  weightDecay: 0,
  nesterov: false,
};

beforeAll(() => tf.setBackend('cpu'));

describeWithReference('sgdUpdate follows PyTorch', () => {
  const read = (): Optimizers =>
    JSON.parse(readFileSync(referenceFile('expected/optimizers.json'), 'utf8')) as Optimizers;

  it.each([
    { momentum: 0.9, nesterov: true },
    { momentum: 0.9, nesterov: false },
    { momentum: 0, nesterov: false },
  ])('%o', (wanted) => {
    const { initial, grads, cases } = read();
    const found = cases.filter(
      ({ config }) =>
        config.name === 'SGD' &&
        config.momentum === wanted.momentum &&
        config.nesterov === wanted.nesterov,
    );
    expect(found.length).toBeGreaterThan(0);
    for (const { config, after_each_step } of found) {
      const parameter = tf.variable(tf.tensor1d(initial));
      const momenta = config.momentum > 0 ? [tf.variable(tf.zerosLike(parameter))] : [];
      after_each_step.forEach((values, step) => {
        sgdUpdate([parameter], [tf.tensor1d(grads[step] as number[])], momenta, {
          learningRate: config.learning_rate,
          momentum: config.momentum,
          weightDecay: config.weight_decay,
          nesterov: config.nesterov,
        });
        expectWithin(parameter.dataSync(), values, 1e-6);
      });
    }
  });
});

function expectWithin(found: ArrayLike<number>, values: number[], tolerance: number): void {
  const worst = Math.max(...values.map((value, i) => Math.abs((found[i] as number) - value)));
  expect(worst).toBeLessThanOrEqual(tolerance);
}

it('sgdUpdate leaves no tensors behind', () => {
  const parameter = tf.variable(tf.ones([3, 2]));
  const velocity = tf.variable(tf.zeros([3, 2]));
  const before = tf.memory().numTensors;
  for (let step = 0; step < 3; step++) {
    const gradient = tf.ones([3, 2]);
    sgdUpdate([parameter], [gradient], [velocity], { ...options, weightDecay: 0.1 });
    gradient.dispose();
  }
  expect(tf.memory().numTensors).toBe(before);
});

describe('sgdUpdate rejects', () => {
  const parameter = () => tf.variable(tf.ones([2, 3]));
  const dead = () => {
    const tensor = tf.ones([2, 3]);
    tensor.dispose();
    return tensor;
  };

  it.each([
    ['a missing gradient', [], [parameter()], {}, 'gradients: expected 1 tensors, got 0'],
    ['a missing momentum', [tf.ones([2, 3])], [], {}, 'momenta: expected 1 variables, got 0'],
    [
      'a shape',
      [tf.ones([3, 2])],
      [parameter()],
      {},
      'gradients[0]: expected float32 tensor [2, 3], got float32 tensor [3, 2]',
    ],
    ['a dtype', [tf.ones([2, 3], 'int32')], [parameter()], {}, 'got int32 tensor [2, 3]'],
    ['a disposed gradient', [dead()], [parameter()], {}, 'got a disposed tensor'],
    ['a negative rate', [tf.ones([2, 3])], [parameter()], { learningRate: -1 }, 'learningRate'],
    ['nesterov alone', [tf.ones([2, 3])], [], { momentum: 0, nesterov: true }, 'for nesterov'],
  ])('%s', (_, gradients, momenta, changed, message) => {
    const call = () => sgdUpdate([parameter()], gradients, momenta, { ...options, ...changed });
    expect(call).toThrow(InputError);
    expect(call).toThrow(message);
  });
});
