import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import '../../src/backend/register.js';
import { createModel } from '../../src/models/model.js';
import { createOptimizer } from '../../src/train/optimizer.js';
import { parameterGroups } from '../../src/train/parameter_groups.js';
import { trainingStep } from '../../src/train/step.js';
import { tinyConfigurations } from './tiny_run.js';

const learningRate = 0.01; // small enough for any seed: batch norm over four values is touchy

function makeRun() {
  const model = createModel(tinyConfigurations.model, { seed: 1 });
  const { optim } = tinyConfigurations;
  const optimizer = createOptimizer({ ...optim, name: 'SGD' }, parameterGroups(model, optim));
  const images = tf.randomUniform<tf.Rank.R4>([4, 32, 32, 3], -1, 1, 'float32', 7);
  const labels = tf.tensor1d([0, 1, 2, 3], 'int32');
  const step = () => {
    const { loss, logits } = trainingStep(model, optimizer, images, labels, learningRate);
    const value = loss.dataSync()[0]!;
    tf.dispose([loss, logits]);
    return value;
  };
  const dispose = () => {
    model.dispose();
    optimizer.dispose();
    tf.dispose([images, labels]);
  };
  return { model, step, dispose };
}

it.each(['cpu', 'menet'])('a step on %s leaves no tensors', async (backend) => {
  await tf.setBackend(backend);
  const empty = tf.memory().numTensors;
  const { step, dispose } = makeRun();
  step(); // makes the momentum
  const { numTensors, numDataBuffers } = tf.memory();
  for (let i = 0; i < 3; i++) step();
  expect(tf.memory()).toMatchObject({ numTensors, numDataBuffers });
  dispose();
  expect(tf.memory().numTensors).toBe(empty);
});

it('steps on one batch learn it, alike on both backends', async () => {
  const losses: Record<string, number[]> = {};
  for (const backend of ['cpu', 'menet']) {
    await tf.setBackend(backend);
    const { step, dispose } = makeRun();
    losses[backend] = Array.from({ length: 24 }, step);
    dispose();
  }
  const { cpu, menet } = losses as { cpu: number[]; menet: number[] };
  expect(menet[0]).toBeCloseTo(cpu[0]!, 4);
  expect(menet.at(-1)).toBeLessThan(0.5 * menet[0]!);
});
