import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import { beforeAll, expect, test } from 'vitest';
import '../../src/backend/register.js';
import { describeWithReference } from '../reference_data.js';
import {
  expectedNetwork,
  menets,
  publishedModel,
  testExpectedLogits,
} from './expected_networks.js';

describeWithReference('published MENets', () => {
  beforeAll(async () => {
    await tf.setBackend('cpu');
  });

  test.each(menets)('%s has the published entries, parameters and operations', (name) => {
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

// The larger networks take tfjs' cpu backend half a minute.
testExpectedLogits('cpu', process.env.MENET_TEST_ALL ? menets : menets.slice(0, 1));
testExpectedLogits('wasm', menets);
testExpectedLogits('menet', menets);
