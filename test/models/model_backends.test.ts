import * as tf from '@tensorflow/tfjs';
import { expect, test } from 'vitest';
import '../../src/backend/register.js';
import { createModel, type ModelConfig } from '../../src/models/model.js';
import { generatedValues } from '../generated_values.js';
import { tinyConfig, tinyRelatives } from './tiny_config.js';

/** A network's results on the backend set, from the same seed and images everywhere. */
async function results(
  backend: string,
  config: ModelConfig,
  [batch, height, width]: [number, number, number],
) {
  await tf.setBackend(backend);
  const model = createModel(config, { seed: 3 });
  const values = generatedValues(batch * height * width * 3, 5);
  const found = new Map<string, Float32Array>();
  const record = (name: string, tensor: tf.Tensor) =>
    found.set(name, tensor.dataSync<'float32'>().slice());
  tf.tidy(() => {
    const x = tf.tensor4d(values, [batch, height, width, 3]);
    record('logits', model.apply(x));
    const { value, grads } = tf.variableGrads(() => {
      const logits = model.apply(x, { training: true });
      return tf.mean(tf.square(logits));
    });
    record('loss', value);
    for (const [name, variable] of model.variables) {
      record(name, variable.trainable ? (grads[variable.name] as tf.Tensor) : variable);
    }
  });
  model.dispose();
  return found;
}

/** Batch norms of as few as eight values amplify the rounding of everything before them. */
const TRAINING_TOLERANCE = 5e-4;

test.each<[number, number, number]>([
  [2, 64, 64],
  [4, 33, 33],
  [1, 65, 225],
  [3, 97, 35],
])('%i images of %i×%i give the same on menet and cpu', async (...size) => {
  await compare(tinyConfig as ModelConfig, size);
});

test.each(tinyRelatives)('$name gives the same on menet and cpu', async (config) => {
  await compare(config as ModelConfig, [4, 64, 64]);
});

async function compare(config: ModelConfig, size: [number, number, number]): Promise<void> {
  const expected = await results('cpu', config, size);
  const found = await results('menet', config, size);
  const norm = (data: Float32Array) => Math.hypot(...data);
  const largest = Math.max(...[...expected.values()].map(norm));
  for (const [name, data] of expected) {
    const difference = data.map((value, i) => value - (found.get(name)?.[i] ?? NaN));
    const error = norm(difference) / Math.max(norm(data), 1e-2 * largest);
    expect(error, name).toBeLessThan(name === 'logits' ? 2e-6 : TRAINING_TOLERANCE);
  }
}
