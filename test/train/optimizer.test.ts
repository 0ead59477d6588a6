import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import '../../src/backend/register.js';
import { createOptimizer, type Optimizer, type ParameterGroup } from '../../src/train/optimizer.js';
import type { UpdateRuleConfig } from '../../src/train/optimizer_config.js';
import { describeWithReference, referenceFile } from '../reference_data.js';

const all = (parameter: tf.Variable, weightDecay = 0): ParameterGroup[] => [
  { parameters: new Map([['p', parameter]]), rateFactor: 1, weightDecay },
];

/** A step with these gradients of the one parameter. */
function step(optimizer: Optimizer, gradient: number[], rate: number, scale?: number): number[] {
  const parameter = optimizer.parameters.get('p')!;
  const tensor = tf.tensor(gradient, parameter.shape);
  optimizer.step({ [parameter.name]: tensor }, rate, scale);
  tensor.dispose();
  return [...parameter.dataSync()];
}

function expectWithin(found: number[], expected: number[], tolerance: number, what: string): void {
  const worst = Math.max(...expected.map((value, i) => Math.abs(found[i]! - value)));
  expect(worst, what).toBeLessThanOrEqual(tolerance);
}

interface Reference {
  initial: number[];
  grads: number[][];
  cases: {
    config: UpdateRuleConfig & { learning_rate: number; weight_decay: number };
    after_each_step: number[][];
  }[];
}

describe.each(['cpu', 'menet'])('on %s', (backend) => {
  beforeAll(() => tf.setBackend(backend));

  describeWithReference('updates are PyTorch’s', () => {
    it.each(['SGD', 'RMSprop', 'Adam', 'Adadelta'])('%s', (name) => {
      const file = referenceFile('expected/optimizers.json');
      const { initial, grads, cases } = JSON.parse(readFileSync(file, 'utf8')) as Reference;
      const found = cases.filter(({ config }) => config.name === name);
      expect(found.length).toBeGreaterThan(0);
      for (const { config, after_each_step } of found) {
        const parameter = tf.variable(tf.tensor1d(initial));
        const optimizer = createOptimizer(config, all(parameter, config.weight_decay));
        after_each_step.forEach((expected, i) => {
          const values = step(optimizer, grads[i]!, config.learning_rate);
          expectWithin(values, expected, 1e-6, `${JSON.stringify(config)}, step ${i}`);
        });
      }
    });
  });

  // torch.optim.AdamW([p], lr=0.01, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.1) of PyTorch in
  // float64, the gradient of element i in step t (from 0) being cos(0.7 t + i).
  it('AdamW is PyTorch’s', () => {
    const expected: Record<number, number[]> = {
      0: [0.4895, -1.25875, 2.008],
      3: [0.465536874, -1.251047643, 2.030834029],
      7: [0.472666165, -1.227427434, 2.032902706],
    };
    const config = { name: 'AdamW' as const, betas: [0.9, 0.99] as [number, number] };
    const parameter = tf.variable(tf.tensor1d([0.5, -1.25, 2]));
    const optimizer = createOptimizer({ ...config, epsilon: 1e-8 }, all(parameter, 0.1));
    for (let t = 0; t < 8; t++) {
      const gradient = [0, 1, 2].map((i) => Math.cos(0.7 * t + i));
      const values = step(optimizer, gradient, 0.01);
      expectWithin(values, expected[t] ?? values, 1e-6, `step ${t}`);
    }
  });

  it('groups have a rate and a decay of their own', () => {
    const [a, b] = [tf.variable(tf.tensor1d([1])), tf.variable(tf.tensor1d([1]))];
    const optimizer = createOptimizer({ name: 'SGD', momentum: 0, nesterov: false }, [
      { parameters: new Map([['a', a]]), rateFactor: 0.5, weightDecay: 0 },
      { parameters: new Map([['b', b]]), rateFactor: 1, weightDecay: 0.25 },
    ]);
    expect([...optimizer.parameters.keys()]).toEqual(['a', 'b']);
    optimizer.step({ [a.name]: tf.tensor1d([1]), [b.name]: tf.tensor1d([1]) }, 0.125, 2);
    expect([a.dataSync()[0], b.dataSync()[0]]).toEqual([1 - 0.0625 * 2, 1 - 0.125 * 2.25]);
  });

  it('goes on from its slots and its number of steps to the same bits', () => {
    const config = { name: 'Adam' as const, betas: [0.9, 0.999] as [number, number], epsilon: 0.1 };
    const [whole, resumed] = [0, 1].map(() =>
      createOptimizer(config, all(tf.variable(tf.tensor1d([1, 2])))),
    ) as [Optimizer, Optimizer];
    step(whole, [1, -1], 0.1);
    resumed.resume(whole.stepCount);
    const copy = (from: tf.Tensor, to: tf.Variable) => to.assign(from.clone());
    copy(whole.parameters.get('p')!, resumed.parameters.get('p')!);
    for (const [slot, buffers] of whole.slots)
      copy(buffers.get('p')!, resumed.slots.get(slot)!.get('p')!);
    expect(step(resumed, [0.5, 3], 0.1)).toEqual(step(whole, [0.5, 3], 0.1));
    expect(resumed.stepCount).toBe(2);
  });

  it('frees what it made', () => {
    const parameter = tf.variable(tf.tensor1d([1, 2]));
    const { numTensors } = tf.memory();
    const config = { alpha: 0.9, epsilon: 1, momentum: 0.9, centered: true };
    const optimizer = createOptimizer({ name: 'RMSprop', ...config }, all(parameter));
    step(optimizer, [1, 2], 0.1);
    expect(tf.memory().numTensors).toBe(numTensors + 3);
    optimizer.dispose();
    expect(tf.memory().numTensors).toBe(numTensors);
  });
});
