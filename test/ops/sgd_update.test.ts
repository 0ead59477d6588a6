import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { sgdUpdate } from '../../src/ops/sgd_update.js';

// What every optimizer's update does is in multi_tensor.test.ts, PyTorch's values are in
// train/optimizer.test.ts.

const options = { learningRate: 0.1, momentum: 0, weightDecay: 0, nesterov: false };

it('sgdUpdate rejects what contradicts itself', () => {
  const parameter = tf.variable(tf.ones([2]));
  const gradient = tf.ones([2]);
  expect(() => sgdUpdate([parameter], [gradient], [], { ...options, nesterov: true })).toThrow(
    'sgdUpdate: momentum: expected more than 0 for nesterov, got 0',
  );
  expect(() => sgdUpdate([parameter], [gradient], [parameter], options)).toThrow(
    'sgdUpdate: momenta: expected none without momentum, got 1',
  );
});
