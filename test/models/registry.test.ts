import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { inspectModel } from '../../src/inspect/inspect.js';
import { classifierBlock } from '../../src/models/classifier.js';
import { createModel } from '../../src/models/model.js';
import { commonFields, registerFamily } from '../../src/models/registry.js';
import { stemBlock } from '../../src/models/stem.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

test('a family needs its schema and its blocks, nothing else', () => {
  const names = { conv: 'conv', batchNorm: 'norm', pool: 'max_pool' };
  const schema = z.strictObject({
    name: z.literal('toy'),
    width: z.int().min(1),
    ...commonFields,
  });
  registerFamily('toy', {
    schema,
    build: (config: z.output<typeof schema>) => ({
      features: [stemBlock(names, config.width)],
      classifier: classifierBlock(config.width, config.num_classes),
    }),
  });
  const model = createModel({ name: 'toy', width: 5, init_mode: 'fan_in', num_classes: 3 });
  const { params, macs } = inspectModel(model, { imageSize: 32 });
  expect(params).toBe(5 * 27 + 2 * 5 + 3 * 5 + 3);
  expect(macs).toBe(5 * 27 * 16 * 16 + 3 * 5);
  tf.tidy(() => {
    expect(model.apply(tf.zeros([2, 32, 32, 3])).shape).toEqual([2, 3]);
  });
  expect(() => createModel({ name: 'toy', width: 0, init_mode: 'fan_in' })).toThrow(
    'model configuration: field width: expected at least 1, got 0',
  );
  model.dispose();
});
