import * as tf from '@tensorflow/tfjs';
import { beforeEach, expect, test } from 'vitest';
import type { MenetBackend } from '../../src/backend/menet_backend.js';
import '../../src/backend/register.js';
import { createModel } from '../../src/models/model.js';
import { compile } from '../../src/plans/plan.js';
import { tinyConfig } from '../models/tiny_config.js';
import { fillArenas } from './fill_arenas.js';

beforeEach(() => tf.setBackend('menet'));

test.each(['bf16', 'fp16'] as const)(
  '%s inside of a plan, and features that leave one and enter another, have the bits of eager runs',
  (precision) => {
    const model = createModel(tinyConfig, { seed: 3 });
    const extract = compile((x: tf.Tensor4D) => model.features(x, { precision }));
    const classify = compile((features: tf.Tensor4D) => model.classify(features));
    for (let seed = 1; seed <= 3; seed++) {
      const x = tf.randomUniform<tf.Rank.R4>([2, 33, 40, 3], -1, 1, 'float32', seed);
      const expected = model.apply(x, { precision });
      const features = extract.run(x);
      const found = classify.run(features);
      expect(found.dataSync()).toEqual(expected.dataSync());
      tf.dispose([x, expected, features, found]);
      fillArenas();
    }
    for (const made of [extract, classify, model]) made.dispose();
  },
);

test('a tensor stored in 16 bits is an input and an output of a plan as it is', () => {
  const model = createModel(tinyConfig, { seed: 3 });
  const x = tf.randomUniform<tf.Rank.R4>([1, 33, 40, 3], -1, 1, 'float32', 1);
  const plan = compile((y: tf.Tensor4D) => [tf.reverse(y), tf.add(y, 1)]);
  const half = model.features(x, { precision: 'bf16' });
  expect((tf.backend() as MenetBackend).storageOf(half)).toBe('bfloat16');
  const [reversed, more] = [tf.reverse(half), tf.add(half, 1)];
  for (let run = 0; run < 3; run++) {
    const found = plan.run(half);
    expect(found[0]!.dataSync()).toEqual(reversed.dataSync());
    expect(found[1]!.dataSync()).toEqual(more.dataSync());
    tf.dispose(found);
    fillArenas();
  }
  plan.dispose();
  model.dispose();
});
