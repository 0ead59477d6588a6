import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { currentMenetBackend } from '../../src/backend/menet_backend.js';
import '../../src/backend/register.js';
import { createModel, type Model } from '../../src/models/model.js';
import { softmaxCrossEntropy } from '../../src/ops/softmax_cross_entropy.js';
import { type Precision, storageTypes } from '../../src/precision.js';
import { lossGradients } from '../../src/train/step.js';
import { generatedValues } from '../generated_values.js';
import { inComposition, registerComposition, roundBlocks } from './rounded_network.js';

vi.mock('../../src/ops/batch_norm.js', async (load) => {
  const batchNorm = await load<typeof import('../../src/ops/batch_norm.js')>();
  const { asStored } = await import('./rounded_network.js');
  const batchNormReference: typeof batchNorm.batchNormReference = (z, ...rest) => {
    const stored = asStored(z, { value: true });
    return asStored(batchNorm.batchNormReference(stored, ...rest), { gradient: true });
  };
  return { ...batchNorm, batchNormReference };
});

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

beforeAll(async () => {
  await tf.setBackend('menet');
  registerComposition();
});

const size = 16;
const images = (seed = 2) =>
  tf.tensor4d(generatedValues(size * 64 * 64 * 3, seed), [size, 64, 64, 3]);

/** Tensors, and native buffers: those of tensors that TensorFlow.js does not know are among them. */
const held = () => ({
  tensors: tf.memory().numTensors,
  buffers: currentMenetBackend()!.native.memory().buffers,
});

function distance(found: number[], expected: number[]): number {
  return Math.hypot(...expected.map((value, i) => found[i]! - value)) / Math.hypot(...expected);
}

describe.each(Object.entries(networks))('%s', (_, config) => {
  const model = (seed = 3) =>
    createModel({ ...config, init_mode: 'fan_out', num_classes: 8 }, { seed });

  const labels = Int32Array.from({ length: size }, (_, i) => i % 8);

  interface Step {
    logits: number[];
    /** of all parameters in a row */
    gradients: number[];
    /** running means and variances */
    statistics: number[];
  }

  /** What a step with a scaled loss finds; rounded to 16 bits by fused ops, or by `network`. */
  function step(network: Model, precision: Precision, seed: number, scale = 2 ** 8): Step {
    const variables = [...network.variables.values()];
    const parameters = variables.filter(({ trainable }) => trainable);
    const batch = images(seed);
    const targets = tf.tensor1d(labels, 'int32');
    const lossScale = tf.scalar(scale);
    const { loss, logits, gradients } = lossGradients(network, batch, {
      parameters,
      precision,
      lossScale,
      loss: (scores) => softmaxCrossEntropy(scores, targets),
    });
    const scaled = parameters.flatMap(({ name }) => [...gradients[name]!.dataSync()]);
    const statistics = variables.filter(({ trainable }) => !trainable);
    const found = {
      logits: [...logits.dataSync()],
      gradients: scaled.map((value) => value / scale),
      statistics: statistics.flatMap((variable) => [...variable.dataSync()]),
    };
    tf.dispose([batch, targets, lossScale, loss, logits, gradients]);
    network.dispose();
    return found;
  }

  function composed(precision: Precision, seed: number): Step {
    return inComposition(precision, () => {
      const network = model(seed);
      roundBlocks(network);
      return step(network, 'float32', seed);
    });
  }

  // Rounding turns masks of relu over, so that gradients of the same step part by half in bf16;
  // but it turns over nearly the same ones, wherever it is done. So what is stored is nearer to
  // the composition than that is to float32, and errs at most twice as much.
  it.each(['bf16', 'fp16'] as const)('in %s errs as rounded stock ops do', (precision) => {
    const before = held();
    const seeds = [3, 4, 5];
    const exact = seeds.map((seed) => step(model(seed), 'float32', seed));
    const fused = seeds.map((seed) => step(model(seed), precision, seed));
    const stock = seeds.map((seed) => composed(precision, seed));
    const mean = (found: Step[], expected: Step[], key: keyof Step) =>
      seeds.reduce((sum, _, i) => sum + distance(found[i]![key], expected[i]![key]), 0) /
      seeds.length;
    for (const key of ['logits', 'gradients', 'statistics'] as const) {
      const rounding = mean(stock, exact, key);
      expect(rounding, key).toBeGreaterThan(steps[precision] / 64);
      expect(mean(fused, stock, key), key).toBeLessThan(rounding);
    }
    expect(mean(stock, exact, 'logits')).toBeLessThan(16 * steps[precision]);
    expect(held()).toEqual(before);
  });

  it('in float32 is what stock ops give', () => {
    const found = step(model(4), 'float32', 4);
    const expected = composed('float32', 4);
    // One mask that rounding to float32 turns over is 1e-3.
    expect(distance(found.gradients, expected.gradients)).toBeLessThan(1e-2);
  });

  it('in fp16 has gradients that the scale of the loss does not change', () => {
    const [small, large] = [2 ** 8, 2 ** 12].map((scale) => step(model(), 'fp16', 3, scale));
    expect(distance(large!.gradients, small!.gradients)).toBeLessThan(1e-3);
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
