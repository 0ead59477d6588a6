import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { InputError } from '../../src/errors.js';
import { formatInspection, inspectModel } from '../../src/inspect/inspect.js';
import { createModel, type Model } from '../../src/models/model.js';
import { tinyConfig } from '../models/tiny_config.js';

let model: Model;

beforeAll(async () => {
  await tf.setBackend('cpu');
  model = createModel(tinyConfig);
});

afterAll(() => model.dispose());

test('counts what the variables hold and what the convolutions multiply', () => {
  const { name, params, macs, input, layers } = inspectModel(model, { imageSize: 64 });
  const trained = [...model.variables.values()].filter((variable) => variable.trainable);
  expect(params).toBe(trained.reduce((sum, variable) => sum + variable.size, 0));
  expect(macs).toBe(layers.reduce((sum, layer) => sum + layer.macs, 0));
  expect({ name, input }).toEqual({ name: 'menet', input: [64, 64, 3] });
  expect(layers.map(({ type: _, ...layer }) => layer)).toContainEqual({
    name: 'features.stage_2_1.compress',
    output: [8, 8, 12],
    params: 8 * 12 + 2 * 12,
    macs: 8 * 12 * 64,
  });
  expect(layers.at(-1)).toEqual({
    name: 'classifier',
    type: 'linear',
    output: [10],
    params: 970,
    macs: 960,
  });
});

test('the table has a line per layer and the sums', () => {
  const inspection = inspectModel(model, { name: 'tiny' });
  const lines = formatInspection(inspection).trimEnd().split('\n');
  expect(lines).toHaveLength(inspection.layers.length + 5);
  expect(lines[0]).toMatch(/^layer +type +output +parameters +MACs$/);
  const { params, macs } = inspection;
  const counts = [params, macs].map((count) => count.toLocaleString('en-US'));
  expect(lines.at(-1)).toMatch(new RegExp(`^tiny +${counts[0]} +${counts[1]}$`));
  expect(lines[3]).toMatch(/^features\.init\.conv +conv 3×3 \/2, .* 112×112×12 +348 +4,064,256$/);
});

test('images under 32 pixels are rejected', () => {
  expect(() => inspectModel(model, { imageSize: 31 })).toThrow(InputError);
});
