import * as tf from '@tensorflow/tfjs';
import { beforeEach, expect, test } from 'vitest';
import { blendUpdate, compile } from '../../src/index.js';

beforeEach(() => tf.setBackend('menet'));

const values = (tensor: tf.Tensor) => [...tensor.dataSync()];

/** total += x, and what it was before. */
function accumulator() {
  const total = tf.variable(tf.zeros([2]));
  const plan = compile((x: tf.Tensor1D) => {
    const before = tf.add(total, 0);
    blendUpdate([total], [x], { keep: 1, share: 1 });
    return before;
  });
  return { total, plan, x: tf.tensor1d([1, 2]) };
}

test('a variable is updated where it is', async () => {
  const { total, plan, x } = accumulator();
  for (let i = 0; i < 3; i++) expect(values(plan.run(x))).toEqual([i, 2 * i]);
  const runs = [3, 4, 5].map(() => plan.runAsync(x));
  expect(values(total)).toEqual([6, 12]); // reading waits for the runs in flight
  expect((await Promise.all(runs)).map(values)).toEqual([
    [3, 6],
    [4, 8],
    [5, 10],
  ]);
  expect(plan.memory.recordings).toBe(1);
  plan.dispose();
});

test('clones of a variable keep their values', () => {
  const { total, plan, x } = accumulator();
  const snapshots = [1, 2, 3, 4].map(() => {
    plan.run(x);
    return total.clone();
  });
  expect(snapshots.map(values)).toEqual([
    [1, 2],
    [2, 4],
    [3, 6],
    [4, 8],
  ]);
  plan.dispose();
});

test('a variable that was assigned to is recorded anew', () => {
  const { total, plan, x } = accumulator();
  for (let i = 0; i < 3; i++) plan.run(x);
  total.assign(tf.tensor1d([100, 100]));
  for (let i = 0; i < 3; i++) expect(values(plan.run(x))).toEqual([100 + i, 100 + 2 * i]);
  expect(values(total)).toEqual([103, 106]);
  expect(plan.memory.recordings).toBe(1);
  plan.dispose();
});

test('a disposed variable is named', () => {
  const weight = tf.variable(tf.ones([2]), false, 'the_weight');
  const plan = compile((x: tf.Tensor1D) => x.mul(weight));
  plan.run(tf.tensor1d([1, 2]));
  weight.dispose();
  expect(() => plan.run(tf.tensor1d([1, 2]))).toThrow(
    'plan: expected live variables, got variable the_weight [2], disposed',
  );
  plan.dispose();
});

test('constants and outputs that are inputs, variables or the same are tensors of their own', () => {
  const weight = tf.variable(tf.tensor1d([5, 6]));
  const plan = compile((x: tf.Tensor1D) => {
    const y = tf.relu(x);
    return { x, weight, constant: tf.tensor1d([7, 8]), y: [y, y] };
  });
  for (let i = 1; i <= 3; i++) {
    const x = tf.tensor1d([i, -i]);
    const { constant, y, ...rest } = plan.run(x);
    expect([rest.x, rest.weight, constant, ...y].map(values)).toEqual([
      [i, -i],
      [5, 6],
      [7, 8],
      [i, 0],
      [i, 0],
    ]);
    tf.dispose([rest.x, rest.weight, constant, ...y]);
    expect(values(x)).toEqual([i, -i]);
  }
  expect(values(weight)).toEqual([5, 6]);
  plan.dispose();
});

test('a plan within a plan is a part of it', () => {
  const inner = compile((x: tf.Tensor1D) => tf.relu(x));
  const outer = compile((x: tf.Tensor1D) => inner.run(x).add(1));
  for (let i = 1; i <= 3; i++) expect(values(outer.run(tf.tensor1d([-i, i])))).toEqual([1, i + 1]);
  expect(inner.memory.recordings).toBe(0);
  outer.dispose();
  inner.dispose();
});
