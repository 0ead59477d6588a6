import * as tf from '@tensorflow/tfjs';
import { beforeEach, expect, test } from 'vitest';
import {
  compile,
  createModel,
  createOptimizer,
  parameterGroups,
  trainingStep,
} from '../../src/index.js';
import { tinyConfig, tinyRelatives } from '../models/tiny_config.js';
import { fillArenas } from './fill_arenas.js';

beforeEach(() => tf.setBackend('menet'));

const config = { name: 'SGD', momentum: 0.9, nesterov: true, weight_decay: 1e-4 } as const;

function makeRun(network: { name: string }) {
  const model = createModel(network, { seed: 3 });
  const optimizer = createOptimizer(config, parameterGroups(model, config));
  const step = (images: tf.Tensor4D, labels: tf.Tensor1D) =>
    trainingStep(model, optimizer, images, labels, 0.01);
  /** Weights, running statistics and momenta. */
  const state = () =>
    [model.variables, ...optimizer.slots.values()].flatMap((variables) =>
      [...variables.values()].map((variable) => variable.dataSync()),
    );
  return { step, state };
}

test.each([tinyConfig, ...tinyRelatives])(
  '$name: steps that are replayed train to the bits of eager steps',
  (network) => {
    const eager = makeRun(network);
    const compiled = makeRun(network);
    const plan = compile(compiled.step);
    // The first step makes the momenta, the second is recorded, the others are replayed.
    for (let i = 0; i < 5; i++) {
      const images = tf.randomUniform<tf.Rank.R4>([3, 32, 32, 3], -1, 1, 'float32', 20 + i);
      const labels = tf.tensor1d([i, 9 - i, 5], 'int32');
      const expected = eager.step(images, labels);
      const found = plan.run(images, labels);
      expect(found.loss.dataSync()).toEqual(expected.loss.dataSync());
      expect(found.logits.dataSync()).toEqual(expected.logits.dataSync());
      expect(plan.memory.recordings).toBe(i === 0 ? 0 : 1);
      fillArenas();
    }
    expect(compiled.state()).toEqual(eager.state());
    plan.dispose();
  },
);
