import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { adamUpdate, type AdamOptions } from '../../src/ops/adam_update.js';

const options: AdamOptions = {
  learningRate: 0.1,
  weightDecay: 0,
  betas: [0.9, 0.999],
  epsilon: 1e-8,
  decoupled: false,
  step: 1,
};

it.each<[Partial<AdamOptions>, string]>([
  [{ step: 0 }, 'step: expected an integer from 1, got 0'],
  [{ step: 1.5 }, 'step: expected an integer from 1, got 1.5'],
  [{ betas: [1, 0.9] }, 'betas[0]: expected a number from 0 to below 1, got 1'],
  [{ betas: [0.9, -0.1] }, 'betas[1]: expected a number from 0 to below 1, got -0.1'],
  [{ epsilon: -1 }, 'epsilon: expected a number >= 0, got -1'],
])('adamUpdate rejects %o', (changed, message) => {
  const [parameter, average, square] = [0, 1, 2].map(() => tf.variable(tf.ones([2])));
  const slots = { averages: [average!], squareAverages: [square!] };
  expect(() => adamUpdate([parameter!], [tf.ones([2])], slots, { ...options, ...changed })).toThrow(
    `adamUpdate: ${message}`,
  );
});
