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

/** The published MENets. */
export const menets = [
  '108-MENet-8x1-group-3',
  '128-MENet-8x1-group-4',
  '228-MENet-12x1-group-3',
  '256-MENet-12x1-group-4',
  '348-MENet-12x1-group-3',
  '352-MENet-12x1-group-8',
  '456-MENet-24x1-group-3',
] as const;

export function expectedNetwork(name: string): ExpectedNetwork {
  const file = referenceFile('expected/networks.json');
  const networks = JSON.parse(readFileSync(file, 'utf8')) as Record<string, ExpectedNetwork>;
  return networks[name] as ExpectedNetwork;
}

/** Path of a shipped MENet configuration. */
export function menetConfigFile(name: string): string {
  const root = path.resolve(import.meta.dirname, '../..');
  return path.join(root, 'config/imagenet/model-config/menet', `${name}.json`);
}

/** A published MENet with seeded initial weights. */
export function publishedModel(name: string): Model {
  return createModel(readModelConfig(menetConfigFile(name)));
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
