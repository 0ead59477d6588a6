import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.js';
import { sgdUpdate, type SgdOptions } from '../../src/ops/sgd_update.js';
import { expected, hasReference, skipped } from '../train/reference.js';

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
  firstStep: true,
};

beforeAll(() => tf.setBackend('cpu'));

describe.skipIf(!hasReference)(`sgdUpdate follows PyTorch${skipped}`, () => {
  const reference = hasReference ? expected<Optimizers>('optimizers.json') : undefined;
  const cases = reference?.cases.filter(({ config }) => config.name === 'SGD') ?? [];

  it.each(cases)('$config', ({ config, after_each_step }) => {
    const parameter = tf.variable(tf.tensor1d(reference!.initial));
    const momenta = config.momentum > 0 ? [tf.variable(tf.zerosLike(parameter))] : [];
    after_each_step.forEach((wanted, step) => {
      const gradient = tf.tensor1d(reference!.grads[step] as number[]);
      sgdUpdate([parameter], [gradient], momenta, {
        learningRate: config.learning_rate,
        momentum: config.momentum,
        weightDecay: config.weight_decay,
        nesterov: config.nesterov,
        firstStep: step === 0,
      });
      const found = parameter.dataSync();
      wanted.forEach((value, i) => {
        expect(Math.abs((found[i] as number) - value), `step ${step}`).toBeLessThanOrEqual(1e-6);
      });
    });
  });

  it('covers momentum, Nesterov and neither', () => expect(cases.length).toBeGreaterThanOrEqual(3));
});

it('sgdUpdate leaves no tensors behind', () => {
  const parameter = tf.variable(tf.ones([3, 2]));
  const velocity = tf.variable(tf.zeros([3, 2]));
  const before = tf.memory().numTensors;
  for (const firstStep of [true, false, false]) {
    const gradient = tf.ones([3, 2]);
    sgdUpdate([parameter], [gradient], [velocity], { ...options, weightDecay: 0.1, firstStep });
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
      'gradients[0]: expected shape [2,3], got "[3,2]"',
    ],
    ['a dtype', [tf.ones([2, 3], 'int32')], [parameter()], {}, 'expected float32, got "int32"'],
    ['a disposed gradient', [dead()], [parameter()], {}, 'expected a live tensor'],
    ['a negative rate', [tf.ones([2, 3])], [parameter()], { learningRate: -1 }, 'learningRate'],
    ['nesterov alone', [tf.ones([2, 3])], [], { momentum: 0, nesterov: true }, 'for nesterov'],
  ])('%s', (_, gradients, momenta, changed, message) => {
    const call = () => sgdUpdate([parameter()], gradients, momenta, { ...options, ...changed });
    expect(call).toThrow(InputError);
    expect(call).toThrow(message);
  });
});
