import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { currentMenetBackend } from '../../src/backend/menet_backend.js';
import '../../src/backend/register.js';
import { createModel } from '../../src/models/model.js';
import { softmaxCrossEntropy } from '../../src/ops/softmax_cross_entropy.js';
import { type Precision, storageTypes } from '../../src/precision.js';
import { lossGradients } from '../../src/train/step.js';
import { generatedValues } from '../generated_values.js';

/** One network of each kind of unit. */
const networks = {
  menet: {
    name: 'menet',
    block_channels: [12, 24, 48],
    block_layers: [1, 1, 1],
    init_c: 6,
    side_channels: [4, 4, 4],
    groups: 3,
  },
  shufflenet: { name: 'shufflenet_group_2', init_mul: 0.25, width_mul: 0.16 },
  mobilenet: { name: 'shallow_mobilenet', width_mul: 0.125 },
};

/** Distance between two numbers next to each other around 1. */
const steps = { bf16: 2 ** -7, fp16: 2 ** -10 };

beforeAll(() => tf.setBackend('menet'));

const size = 16;
const images = () =>
  tf.tensor4d(Float32Array.from(generatedValues(size * 64 * 64 * 3, 2)), [size, 64, 64, 3]);

function distance(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  const differences = Array.from(expected, (value, i) => found[i]! - value);
  return Math.hypot(...differences) / Math.hypot(...Array.from(expected));
}

describe.each(Object.entries(networks))('%s', (_, config) => {
  const model = () => createModel({ ...config, init_mode: 'fan_out', num_classes: 8 }, { seed: 3 });

  const labels = Int32Array.from({ length: size }, (_, i) => i % 8);

  /** Loss, and the gradients of all parameters in a row, of a step with a scaled loss. */
  function step(precision: Precision) {
    const scale = 2 ** 8;
    const network = model();
    const parameters = [...network.variables.values()].filter(({ trainable }) => trainable);
    const { loss, logits, gradients } = tf.tidy(() => ({
      ...lossGradients(network, images(), {
        parameters,
        precision,
        lossScale: tf.scalar(scale),
        loss: (scores) => softmaxCrossEntropy(scores, tf.tensor1d(labels, 'int32')),
      }),
    }));
    const scaled = parameters.flatMap(({ name }) => [...gradients[name]!.dataSync()]);
    const found = {
      loss: loss.dataSync()[0]!,
      logits: logits.dataSync(),
      gradients: scaled.map((value) => value / scale),
    };
    tf.dispose([loss, logits, gradients]);
    network.dispose();
    return found;
  }

  it.each(['bf16', 'fp16'] as const)('in %s learns nearly what it does in float32', (precision) => {
    const { numTensors } = tf.memory();
    const expected = step('float32');
    const found = step(precision);
    const logits = distance(found.logits, expected.logits);
    expect(logits).toBeGreaterThan(0);
    expect(logits).toBeLessThan(16 * steps[precision]);
    expect(Math.abs(found.loss - expected.loss)).toBeLessThan(32 * steps[precision]);
    // A rounding error turns that share of relus on or off, and the gradient's energy with it.
    const gradients = distance(found.gradients, expected.gradients);
    expect(gradients).toBeLessThan(10 * Math.sqrt(steps[precision]));
    expect(tf.memory().numTensors).toBe(numTensors);
  });

  it.each(['bf16', 'fp16'] as const)(
    'in %s gives float32 logits of 16-bit features',
    (precision) => {
      const network = model();
      const backend = currentMenetBackend()!;
      tf.tidy(() => {
        const features = network.features(images(), { precision });
        expect(backend.storageOf(features)).toBe(storageTypes[precision]);
        expect(backend.storageOf(network.classify(features))).toBe('float32');
      });
      network.dispose();
    },
  );
});

it('other backends have float32 alone', async () => {
  const network = createModel({ ...networks.menet, init_mode: 'fan_out' });
  await tf.setBackend('cpu');
  expect(() => network.apply(images(), { precision: 'bf16' })).toThrow(
    'menet: precision: expected float32 on other backends than menet, got "bf16"',
  );
  await tf.setBackend('menet');
  expect(() => network.apply(images(), { precision: 'half' as 'bf16' })).toThrow(
    'menet: precision: expected float32, bf16, fp16, got "half"',
  );
  network.dispose();
});
