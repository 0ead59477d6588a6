import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, test } from 'vitest';
import {
  createModel,
  createOptimizer,
  currentMenetBackend,
  normalizeImages,
  parameterGroups,
  trainingStep,
} from '../../src/index.js';
import { type Layer } from '../../src/models/block.js';
import { readModelConfig } from '../../src/models/model.js';

const name = '228-MENet-12x1-group-3';
const batch = 32;

beforeAll(async () => {
  await tf.setBackend('menet');
});

/** Kept are the raw outputs of all convolutions and the outputs of stem and units (float32). */
function keptBytes(layers: Layer[]): number {
  const kept = layers.filter(({ type }) => /conv|max pool|^add|^concat/.test(type));
  return 4 * batch * kept.reduce((sum, { output }) => sum + tf.util.sizeFromShape(output), 0);
}

test(`training ${name} at batch ${batch} keeps little more than its raw convolutions`, () => {
  const { native } = currentMenetBackend()!;
  const model = createModel(readModelConfig(`config/imagenet/model-config/menet/${name}.json`));
  const optimizer = createOptimizer(
    { name: 'SGD', momentum: 0.9, nesterov: true },
    parameterGroups(model, { weight_decay: 4e-5 }),
  );
  const pixels = new Uint8Array(batch * 224 * 224 * 3).map((_, i) => (i * 2654435761) >>> 24);
  const labels = tf.range(0, batch, 1, 'int32');
  const step = () =>
    tf.tidy(() => {
      const images = normalizeImages(pixels, [batch, 224, 224, 3]);
      tf.dispose(Object.values(trainingStep(model, optimizer, images, labels, 0.1)));
    });

  step();
  const { systemAllocations } = native.memory();
  step();
  step();
  const after = native.memory();
  expect(after.systemAllocations).toBe(systemAllocations);

  const parameters = [...optimizer.parameters.values()].reduce((sum, { size }) => sum + size, 0);
  const layers = model.layers();
  const limit = 1.2 * (keptBytes(layers) + 3 * 4 * parameters);
  expect(after.peakBytesReserved).toBeLessThan(limit);

  labels.dispose();
  optimizer.dispose();
  model.dispose();
});
