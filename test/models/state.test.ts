import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { HostTensor } from '../../src/checkpoints/checkpoint.js';
import { InputError } from '../../src/errors.js';
import { createModel, type Model } from '../../src/models/model.js';
import { getState, loadState } from '../../src/models/state.js';
import { tinyConfig } from './tiny_config.js';

let model: Model;

beforeEach(async () => {
  await tf.setBackend('cpu');
  model = createModel(tinyConfig);
});

afterEach(() => model.dispose());

/** A state in which every value tells its entry and its place. */
function countingState(): Map<string, HostTensor> {
  return new Map(
    model.entries.map(({ name, shape }, entry) => {
      const count = shape.reduce((product, size) => product * size, 1);
      return [
        name,
        { shape, data: Float32Array.from({ length: count }, (_, i) => entry + i / 4096) },
      ];
    }),
  );
}

test('a state comes back as it was loaded', async () => {
  const state = countingState();
  loadState(model, state);
  expect([...(await getState(model))]).toEqual([...state]);
});

test('each kind of weights has its tfjs layout', () => {
  const state = countingState();
  loadState(model, state);
  const check = (name: string, shape: number[], tfjs: number[], torch: number) => {
    const variable = model.variables.get(name) as tf.Variable;
    expect(variable.shape).toEqual(shape);
    const value = tf.tidy(
      () =>
        tf
          .slice(
            variable,
            tfjs,
            shape.map(() => 1),
          )
          .dataSync()[0],
    );
    expect(value).toBe(state.get(name)?.data[torch]);
  };
  // OIHW [48, 6, 1, 1] at (5, 2, 0, 0), [C, 1, 3, 3] at (7, 0, 2, 1), [out, in] at (3, 50)
  check('features.stage_3_1.expand.weight', [1, 1, 8, 48], [0, 0, 2, 5], 5 * 8 + 2);
  check('features.stage_2_1.depthwise.weight', [3, 3, 12, 1], [2, 1, 7, 0], 7 * 9 + 2 * 3 + 1);
  check('features.stage_2_1.s_conv.weight', [3, 3, 4, 4], [2, 1, 3, 0], 3 * 9 + 2 * 3 + 1);
  check('classifier.weight', [96, 10], [50, 3], 3 * 96 + 50);
});

test('takes checkpoints of the original trainer and of this one', async () => {
  const state = countingState();
  const stored = new Map<string, HostTensor>();
  for (const [name, tensor] of state) stored.set(`module.${name}`, tensor);
  const count = { shape: [], data: new BigInt64Array(1) };
  stored.set('module.features.init.bn.num_batches_tracked', count);
  stored.set('optimizer.momentum.classifier.bias', { shape: [10], data: new Float32Array(10) });
  loadState(model, stored);
  expect([...(await getState(model))]).toEqual([...state]);
});

test('float64 values are rounded', async () => {
  const state = countingState();
  state.set('classifier.bias', { shape: [10], data: new Float64Array(10).fill(0.1) });
  loadState(model, state);
  const bias = (await getState(model)).get('classifier.bias');
  expect(bias?.data).toEqual(new Float32Array(10).fill(0.1));
});

test.each<[string, (state: Map<string, HostTensor>) => unknown, string]>([
  [
    'a missing entry',
    (state) => state.delete('features.stage_1_2.s_merge.weight'),
    'entry features.stage_1_2.s_merge.weight: expected [4, 6, 1, 1], got nothing',
  ],
  [
    'an entry of another shape',
    (state) => state.set('classifier.bias', { shape: [1000], data: new Float32Array(1000) }),
    'entry classifier.bias: expected [10], got [1000]',
  ],
  [
    'an entry of integers',
    (state) => state.set('classifier.bias', { shape: [10], data: new Int32Array(10) }),
    'entry classifier.bias: expected [10] of floating point, got Int32Array',
  ],
  [
    'an entry too many',
    (state) => state.set('features.extra', { shape: [1], data: new Float32Array(1) }),
    'expected the entries of menet, got features.extra too',
  ],
])('%s is rejected and changes nothing', async (_, spoil, message) => {
  const before = [...(await getState(model))];
  const state = countingState();
  spoil(state);
  expect(() => loadState(model, state, 'a.pth.tar')).toThrow(
    new InputError(`a.pth.tar: ${message}`),
  );
  expect([...(await getState(model))]).toEqual(before);
});

test('loading and reading keep no tensors', async () => {
  const before = tf.memory();
  loadState(model, countingState());
  await getState(model);
  expect(tf.memory().numTensors).toBe(before.numTensors);
  expect(tf.memory().numDataBuffers).toBe(before.numDataBuffers);
});
