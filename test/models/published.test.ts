import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import { beforeAll, expect, test } from 'vitest';
import '../../src/backend/register.js';
import { describeWithReference } from '../reference_data.js';
import {
  expectedNetwork,
  published,
  publishedModel,
  publishedNames,
  testExpectedLogits,
} from './expected_networks.js';

describeWithReference('published networks', () => {
  beforeAll(async () => {
    await tf.setBackend('cpu');
  });

  test.each(publishedNames)('%s has the published entries, parameters and operations', (name) => {
    const expected = expectedNetwork(name);
    const model = publishedModel(name);
    const shapes = model.entries.map((entry) => [entry.name, entry.shape]);
    expect(shapes).toEqual(Object.entries(expected.state));
    expect([...model.variables.keys()]).toEqual(Object.keys(expected.state));
    const layers = model.layers();
    expect(layers.reduce((sum, layer) => sum + layer.params, 0)).toBe(expected.params);
    expect(layers.reduce((sum, layer) => sum + layer.macs, 0)).toBe(expected.macs);
    model.dispose();
    expect(tf.memory().numTensors).toBe(0);
  });
});

// A network of each family; the larger ones take tfjs' cpu backend half a minute.
const small = Object.values(published).map(([name]) => name as string);
testExpectedLogits('cpu', process.env.MENET_TEST_ALL ? publishedNames : small);
testExpectedLogits('wasm', publishedNames);
testExpectedLogits('menet', publishedNames);
