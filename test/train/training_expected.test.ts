import { readFileSync } from 'node:fs';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, it } from 'vitest';
import '../../src/backend/register.js';
import { readCheckpoint } from '../../src/checkpoints/checkpoint.js';
import { createModel, readModelConfig, type Model } from '../../src/models/model.js';
import { loadState } from '../../src/models/state.js';
import { createOptimizer, type Optimizer } from '../../src/train/optimizer.js';
import { parameterGroups } from '../../src/train/parameter_groups.js';
import { trainingStep } from '../../src/train/step.js';
import { generatedValues } from '../generated_values.js';
import { describeWithReference, referenceFile } from '../reference_data.js';

interface Expected {
  from_checkpoint: string;
  learning_rate: number;
  momentum: number;
  nesterov: boolean;
  weight_decay: number;
  batch: number;
  steps: number;
  image_seed: number;
  losses: number[];
  grad_norms_step0: Record<string, number>;
  weight_norms_after: Record<string, number>;
}

/** Keeps the norms of the gradients of the first step. */
function recordGradientNorms(optimizer: Optimizer): Record<string, number> {
  const norms: Record<string, number> = {};
  const step = optimizer.step.bind(optimizer);
  optimizer.step = (gradients, learningRate) => {
    if (optimizer.stepCount === 0)
      optimizer.parameters.forEach(({ name }, key) => (norms[key] = norm(gradients[name]!)));
    step(gradients, learningRate);
  };
  return norms;
}

/** Summed in double precision on the host. */
function norm(tensor: tf.Tensor): number {
  return Math.sqrt(tensor.dataSync<'float32'>().reduce((sum, value) => sum + value * value, 0));
}

function worstRelativeError(found: Record<string, number>, expected: Record<string, number>) {
  expect(Object.keys(found).sort()).toEqual(Object.keys(expected).sort());
  const errors = Object.entries(expected).map(([name, wanted]) => ({
    name,
    error: Math.abs(found[name]! - wanted) / wanted,
  }));
  return errors.reduce((worst, next) => (next.error > worst.error ? next : worst));
}

/** Image n of PyTorch's sym((batch, 3, 224, 224), seed), channels last. */
function images(batch: number, seed: number): tf.Tensor4D {
  return tf.tidy(() => {
    const values = generatedValues(batch * 3 * 224 * 224, seed);
    return tf.transpose(tf.tensor4d(values, [batch, 3, 224, 224]), [0, 2, 3, 1]);
  });
}

describeWithReference('four steps of the published 108-MENet in float32', () => {
  let expected: Expected;
  let model: Model;
  let optimizer: Optimizer;
  let gradientNorms: Record<string, number>;
  const losses: number[] = [];

  beforeAll(async () => {
    await tf.setBackend('menet');
    expected = JSON.parse(
      readFileSync(referenceFile('expected/training.json'), 'utf8'),
    ) as Expected;
    const network = expected.from_checkpoint;
    const config = `../../config/imagenet/model-config/menet/${network}.json`;
    model = createModel(readModelConfig(path.resolve(import.meta.dirname, config)));
    loadState(
      model,
      (await readCheckpoint(referenceFile(`checkpoints/${network}.pth.tar`))).tensors,
    );
    optimizer = createOptimizer({ name: 'SGD', ...expected }, parameterGroups(model, expected));
    gradientNorms = recordGradientNorms(optimizer);
    for (let step = 0; step < expected.steps; step++) losses.push(trainStep(step));
  }, 600_000);

  function trainStep(step: number): number {
    const { batch, image_seed, learning_rate } = expected;
    const labels = Array.from({ length: batch }, (_, i) => (37 * (step * batch + i) + 11) % 1000);
    const x = images(batch, image_seed + step);
    const y = tf.tensor1d(labels, 'int32');
    const { loss, logits } = trainingStep(model, optimizer, x, y, learning_rate);
    const value = loss.dataSync<'float32'>()[0]!;
    tf.dispose([x, y, loss, logits]);
    return value;
  }

  it('has PyTorch’s losses', () => {
    losses.forEach((loss, step) => {
      const wanted = expected.losses[step]!;
      expect(Math.abs(loss - wanted) / wanted, `step ${step}`).toBeLessThanOrEqual(1e-4);
    });
  });

  it('has PyTorch’s gradients in step 0', () => {
    const worst = worstRelativeError(gradientNorms, expected.grad_norms_step0);
    expect(worst.error, worst.name).toBeLessThanOrEqual(5e-3);
  });

  it('ends with PyTorch’s weights and running statistics', () => {
    const norms = [...model.variables].map(([name, variable]) => [name, norm(variable)] as const);
    const worst = worstRelativeError(Object.fromEntries(norms), expected.weight_norms_after);
    expect(worst.error, worst.name).toBeLessThanOrEqual(1e-4);
  });
});
