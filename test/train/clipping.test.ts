import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, it } from 'vitest';
import '../../src/backend/register.js';
import { createModel } from '../../src/models/model.js';
import { DivergedError } from '../../src/train/diverged_error.js';
import { Learner } from '../../src/train/learner.js';
import { readDataConfig } from '../../src/train/data_config.js';
import { readOptimizerConfig } from '../../src/train/optimizer_config.js';
import { generatedValues } from '../generated_values.js';
import { makeTinyRun, tinyConfigurations } from './tiny_run.js';

const size = 4;
const batch = {
  pixels: Uint8Array.from(generatedValues(size * 32 * 32 * 3, 1), (value) => 127 * (1 + value)),
  labels: Int32Array.from([0, 1, 2, 3]),
  size,
  files: Array<string>(size).fill(''),
};

let data: ReturnType<typeof readDataConfig>;
let sgd: ReturnType<typeof readOptimizerConfig>;

beforeAll(async () => {
  await tf.setBackend('menet');
  const tiny = await makeTinyRun();
  data = readDataConfig(tiny.data);
  sgd = readOptimizerConfig(tiny.optim);
  tiny.remove();
});

/** Learns from the batch with plain SGD of rate 1; returns the length of the update. */
async function update(clipNorm: number, spoil?: (model: Learner['model']) => void) {
  const model = createModel(tinyConfigurations.model, { seed: 1 });
  const plain = { ...sgd, momentum: 0, nesterov: false, weight_decay: 0, clip_norm: clipNorm };
  const learner = new Learner(model, { data, optimizer: plain, seed: 1 });
  const weights = () => [...learner.optimizer.parameters.values()].map((v) => v.dataSync());
  try {
    spoil?.(model);
    await learner.learn(batch, 0, 0);
    const before = weights();
    learner.update(1, 0);
    const after = weights();
    const squares = before.flatMap((values, i) =>
      [...values].map((value, k) => (after[i]![k]! - value) ** 2),
    );
    return Math.sqrt(squares.reduce((sum, square) => sum + square, 0));
  } finally {
    learner.dispose();
    model.dispose();
  }
}

it('clip_norm is the greatest norm of all gradients together', async () => {
  const free = await update(0);
  expect(await update(0.25 * free)).toBeCloseTo(0.25 * free, 4);
  expect(await update(1.5 * free)).toBeCloseTo(free, 5);
});

it('a norm that is no number ends the run, and leaves no tensors', async () => {
  const { numTensors } = tf.memory();
  const spoil = (model: Learner['model']) => {
    const bias = model.variables.get('classifier.bias')!;
    tf.tidy(() => bias.assign(tf.fill(bias.shape, Infinity)));
  };
  await expect(update(1, spoil)).rejects.toThrow(DivergedError);
  await expect(update(1, spoil)).rejects.toThrow(
    'the norm of the gradients is NaN in step 1 at learning rate 1',
  );
  expect(tf.memory().numTensors).toBe(numTensors);
});
