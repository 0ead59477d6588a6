import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import '../../src/backend/register.js';
import { rmspropUpdate } from '../../src/ops/rmsprop_update.js';

it.each(['cpu', 'menet'])('a variance below zero counts as zero on %s', async (backend) => {
  await tf.setBackend(backend);
  const [parameter, square, mean] = [0, 0.5, 1].map((value) => tf.variable(tf.tensor1d([value])));
  const slots = { squareAverages: [square!], gradientAverages: [mean!], momenta: [] };
  const options = { learningRate: 1, weightDecay: 0, alpha: 0.5, epsilon: 0.25, momentum: 0 };
  rmspropUpdate([parameter!], [tf.tensor1d([1])], slots, { ...options, centered: true });
  // The squares' average is 0.75, that of gradients 1.
  expect([...parameter!.dataSync()]).toEqual([-4]);
});
