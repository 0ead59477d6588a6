import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, test } from 'vitest';
import { batchNormReference } from '../../src/ops/batch_norm.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

function params() {
  const variable = (value: number, trainable: boolean) =>
    tf.tidy(() => tf.variable<tf.Rank.R1>(tf.tensor1d([value]), trainable));
  return {
    scale: variable(2, true),
    offset: variable(1, true),
    mean: variable(0, false),
    variance: variable(1, false),
  };
}

test('training form normalises by the biased variance and tracks the unbiased one', () => {
  tf.tidy(() => {
    const bn = params();
    const y = batchNormReference(tf.tensor4d([1, 2, 3, 6], [2, 2, 1, 1]), bn, true);
    const deviation = Math.sqrt(3.5 + 1e-5);
    const expected = [1, 2, 3, 6].map((value) => (2 * (value - 3)) / deviation + 1);
    y.dataSync().forEach((value, i) => expect(value).toBeCloseTo(expected[i] as number, 6));
    expect(bn.mean.dataSync()[0]).toBeCloseTo(0.3, 6);
    expect(bn.variance.dataSync()[0]).toBeCloseTo(0.9 + (0.1 * 14) / 3, 6);
    tf.dispose(Object.values(bn));
  });
});

test('one value per channel has variance 0', () => {
  tf.tidy(() => {
    const bn = params();
    const y = batchNormReference(tf.tensor4d([5], [1, 1, 1, 1]), bn, true);
    expect(y.dataSync()[0]).toBe(1);
    expect(bn.mean.dataSync()[0]).toBeCloseTo(0.5, 6);
    expect(bn.variance.dataSync()[0]).toBeCloseTo(0.9, 6);
    tf.dispose(Object.values(bn));
  });
});

test('the update of running statistics is not recorded for differentiation', () => {
  const bn = params();
  const x = tf.tensor4d([1, 2, 3, 6], [2, 2, 1, 1]);
  const recorded: string[] = [];
  const engine = tf.engine();
  engine.startScope();
  const { value, grads } = tf.variableGrads(() => {
    const y = batchNormReference(x, bn, true);
    for (const node of engine.state.activeTape ?? []) recorded.push(node.kernelName);
    return tf.sum(y);
  });
  expect(Object.keys(grads).sort()).toEqual([bn.scale.name, bn.offset.name].sort());
  expect(recorded).toContain('FusedBatchNorm');
  expect(recorded).not.toContain('Multiply');
  engine.endScope();
  tf.dispose([value, grads, x, ...Object.values(bn)]);
  expect(tf.memory().numTensors).toBe(0);
});
