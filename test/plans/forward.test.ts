import * as tf from '@tensorflow/tfjs';
import { beforeEach, expect, test } from 'vitest';
import type { MenetBackend } from '../../src/backend/menet_backend.js';
import '../../src/backend/register.js';
import { createModel } from '../../src/models/model.js';
import { compile } from '../../src/plans/plan.js';
import { tinyConfig, tinyRelatives } from '../models/tiny_config.js';
import { fillArenas } from './fill_arenas.js';

beforeEach(() => tf.setBackend('menet'));

const images = (seed: number, batch = 2) =>
  tf.randomUniform<tf.Rank.R4>([batch, 33, 40, 3], -1, 1, 'float32', seed);

test.each([tinyConfig, ...tinyRelatives])(
  '$name: replays give the bits of eager runs',
  (config) => {
    const model = createModel(config, { seed: 3 });
    const plan = compile((x: tf.Tensor4D) => model.apply(x));
    for (let seed = 1; seed <= 4; seed++) {
      const x = images(seed);
      const expected = model.apply(x);
      const found = plan.run(x);
      expect(found.shape).toEqual(expected.shape);
      expect(found.dataSync()).toEqual(expected.dataSync());
      tf.dispose([x, expected, found]);
      fillArenas();
    }
    expect(plan.memory.recordings).toBe(1);
    plan.dispose();
    model.dispose();
  },
);

test('several runs in flight each have their own result', async () => {
  const model = createModel(tinyConfig, { seed: 3 });
  const plan = compile((x: tf.Tensor4D) => tf.tidy(() => ({ logits: model.apply(x), x: [x] })));
  const inputs = [1, 2, 3, 4, 5, 6, 7].map((seed) => images(seed, 1));
  const expected = inputs.map((x) => [model.apply(x).dataSync(), x.dataSync()]);
  const runs = inputs.map((x) => {
    const run = plan.runAsync(x);
    x.dispose();
    return run;
  });
  const weights = [...model.variables.values()].map((v) => v.dataSync()); // beside them
  const found = await Promise.all(runs);
  found.forEach(({ logits, x }, i) => {
    expect([logits.dataSync(), x[0]!.dataSync()]).toEqual(expected[i]);
  });
  expect(weights.length).toBe(model.variables.size);
  plan.dispose();
  model.dispose();
});

test('other shapes are recorded beside the first, as many as are to be kept', () => {
  const model = createModel(tinyConfig, { seed: 3 });
  const plan = compile((x: tf.Tensor4D) => model.apply(x), { recordings: 2 });
  for (const batch of [1, 2, 1, 3, 1, 2]) {
    const x = images(batch, batch);
    expect(plan.run(x).dataSync()).toEqual(model.apply(x).dataSync());
    expect(plan.memory.recordings).toBeLessThanOrEqual(2);
  }
  plan.dispose();
  model.dispose();
});

test('a plan gives all of its memory back', () => {
  const { native, device } = tf.backend() as MenetBackend;
  const memory = () => {
    const { bytesInUse, buffers } = native.memory(device);
    return { bytesInUse, buffers, tensors: tf.memory().numTensors };
  };
  const before = memory();
  const model = createModel(tinyConfig, { seed: 3 });
  const plan = compile((x: tf.Tensor4D) => model.apply(x));
  const x = images(1);
  plan.run(x).dispose();
  const recorded = memory();
  for (let i = 0; i < 5; i++) plan.run(x).dispose();
  expect(memory()).toEqual(recorded);
  const { arena, needed, unshared } = plan.memory;
  expect(arena).toBeGreaterThanOrEqual(needed);
  expect(arena).toBeLessThan(1.1 * needed);
  expect(arena).toBeLessThan(0.9 * unshared);
  plan.dispose();
  model.dispose();
  x.dispose();
  expect(memory()).toEqual(before);
});
