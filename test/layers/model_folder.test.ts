import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { InputError } from '../../src/errors.js';
import { modelFolder } from '../../src/layers/model_folder.js';
import { StemLayer } from '../../src/layers/stem_layer.js';

let root: string;
beforeAll(() => void (root = mkdtempSync(path.join(os.tmpdir(), 'menet-model-'))));
afterAll(() => rmSync(root, { recursive: true }));

function makeModel(): tf.Sequential {
  const layers = [new StemLayer({ filters: 4, inputShape: [16, 16, 3] }), tf.layers.flatten({})];
  return tf.sequential({ layers: [...layers, tf.layers.dense({ units: 3 })] });
}

test('a model comes back as it was saved, optimizer settings included', async () => {
  const folder = path.join(root, 'new', 'model');
  const model = makeModel();
  model.compile({ optimizer: tf.train.sgd(0.125), loss: 'meanSquaredError' });
  const x = tf.randomNormal([2, 16, 16, 3]);
  const before = (model.predict(x) as tf.Tensor).dataSync();
  const { modelArtifactsInfo } = await model.save(modelFolder(folder), { includeOptimizer: true });
  const stepCount = 1; // the optimizer's
  expect(modelArtifactsInfo.weightDataBytes).toBe(4 * (model.countParams() + stepCount));
  expect(readdirSync(folder).sort()).toEqual(['model.json', 'weights.bin']);
  const loaded = await tf.loadLayersModel(modelFolder(folder));
  expect((loaded.predict(x) as tf.Tensor).dataSync()).toEqual(before);
  expect(loaded.optimizer.getConfig()).toMatchObject({ learningRate: 0.125 });
  await loaded.save(modelFolder(folder));
  expect(readdirSync(folder).sort()).toEqual(['model.json', 'weights.bin']);
});

test('what it writes is what tfjs loads by URL', async () => {
  const folder = path.join(root, 'served');
  const model = makeModel();
  await model.save(modelFolder(folder));
  const handler = tf.io.http('http://host/model.json', {
    fetchFunc: (url: unknown) => {
      const bytes = readFileSync(path.join(folder, path.basename(String(url))));
      return Promise.resolve(new Response(bytes));
    },
  });
  const loaded = await tf.loadLayersModel(handler);
  const x = tf.ones([1, 16, 16, 3]);
  expect((loaded.predict(x) as tf.Tensor).dataSync()).toEqual(
    (model.predict(x) as tf.Tensor).dataSync(),
  );
});

test('a folder that holds no model is bad input', async () => {
  const load = () => tf.loadLayersModel(modelFolder(root));
  await expect(load()).rejects.toThrow(InputError);
  await expect(load()).rejects.toThrow(
    /model\.json: expected a saved model, cannot read it \(ENOENT/,
  );
  writeFileSync(path.join(root, 'model.json'), '{');
  await expect(load()).rejects.toThrow(/model\.json: expected a saved model, /);
  await expect(makeModel().save(modelFolder(path.join(root, 'model.json')))).rejects.toThrow(
    InputError,
  );
});
