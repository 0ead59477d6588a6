import { readFileSync } from 'node:fs';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, test } from 'vitest';
import type { HostTensor } from '../../src/checkpoints/checkpoint.js';
import { createModel, type Model, readModelConfig } from '../../src/models/model.js';
import { loadState } from '../../src/models/state.js';
import { generatedValues } from '../generated_values.js';
import { describeWithReference, referenceFile } from '../reference_data.js';

/** What `expected/networks.json` holds of a network, for a batch of two generated images. */
export interface ExpectedNetwork {
  macs: number;
  params: number;
  /** shapes in PyTorch layout by name, in order */
  state: Record<string, number[]>;
  logits_norm: number;
  logits_first16: number[][];
  top5: number[][];
}

/** The published networks, by the folder of their configurations. */
export const published = {
  menet: [
    '108-MENet-8x1-group-3',
    '128-MENet-8x1-group-4',
    '228-MENet-12x1-group-3',
    '256-MENet-12x1-group-4',
    '348-MENet-12x1-group-3',
    '352-MENet-12x1-group-8',
    '456-MENet-24x1-group-3',
  ],
  shufflenet: [
    'ShuffleNet-0.5x-group-3',
    'ShuffleNet-1x-group-3',
    'ShuffleNet-1.5x-group-3',
    'ShuffleNet-2x-group-3',
    'ShuffleNet-1x-group-4',
    'ShuffleNet-1x-group-8',
  ],
  mobilenet: [
    '0.25x-MobileNet-224',
    '0.5x-MobileNet-224',
    '0.75x-MobileNet-224',
    '1x-MobileNet-224',
  ],
};

export const publishedNames: readonly string[] = Object.values(published).flat();

export function expectedNetwork(name: string): ExpectedNetwork {
  const file = referenceFile('expected/networks.json');
  const networks = JSON.parse(readFileSync(file, 'utf8')) as Record<string, ExpectedNetwork>;
  return networks[name] as ExpectedNetwork;
}

/** Path of a shipped configuration. */
export function configFile(name: string): string {
  const folders = Object.entries(published);
  const [family = 'menet'] = folders.find(([, names]) => names.includes(name)) ?? [];
  const root = path.resolve(import.meta.dirname, '../..');
  return path.join(root, 'config/imagenet/model-config', family, `${name}.json`);
}

/** A published network with seeded initial weights. */
export function publishedModel(name: string): Model {
  return createModel(readModelConfig(configFile(name)));
}

/** The generated state: sym(shape, j) for the j-th entry, scaled by what the entry is. */
export function generatedState(shapes: Record<string, number[]>): Map<string, HostTensor> {
  return new Map(
    Object.entries(shapes).map(([name, shape], index) => {
      const count = shape.reduce((product, size) => product * size, 1);
      const fanIn = count / (shape[0] as number);
      const data = generatedValues(count, index + 1).map((value) => {
        if (name.endsWith('running_var')) return 1 + 0.3 * Math.abs(value);
        if (name.endsWith('running_mean') || name.endsWith('bias')) return 0.1 * value;
        return shape.length === 1 ? 1 + 0.1 * value : value * Math.sqrt(6 / fanIn);
      });
      return [name, { shape, data }];
    }),
  );
}

/**
 * Checks on a tfjs backend that networks with generated weights give the stored float64 logits:
 * the stored ones within 2e-6 of their norm, the norm of all, and the same top five classes.
 */
export function testExpectedLogits(backend: string, names: readonly string[]): void {
  describeWithReference(`stored logits on ${backend}`, () => {
    beforeAll(async () => {
      await tf.setBackend(backend);
    });

    test.each(names)('%s', (name) => {
      const expected = expectedNetwork(name);
      const model = publishedModel(name);
      loadState(model, generatedState(expected.state));
      tf.tidy(() => {
        const pixels = generatedValues(2 * 3 * 224 * 224, 1000);
        const images = tf.transpose(tf.tensor4d(pixels, [2, 3, 224, 224]), [0, 2, 3, 1]);
        const logits = model.apply(images);
        const first = tf.slice(logits, [0, 0], [2, 16]);
        const stored = tf.tensor2d(expected.logits_first16);
        const share = tf.norm(tf.sub(first, stored)).dataSync()[0] as number;
        expect(share / (tf.norm(stored).dataSync()[0] as number)).toBeLessThan(2e-6);
        const norm = Math.hypot(...logits.dataSync());
        expect(Math.abs(norm / expected.logits_norm - 1)).toBeLessThan(2e-6);
        expect(tf.topk(logits, 5).indices.arraySync()).toEqual(expected.top5);
      });
      model.dispose();
    });
  });
}
