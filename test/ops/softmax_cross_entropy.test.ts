import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, test } from 'vitest';
import { softmaxCrossEntropy } from '../../src/ops/softmax_cross_entropy.js';
import { generatedValues } from '../generated_values.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const batch = 5;
const classes = 7;
const labels = [6, 0, 3, 3, 1];
const values = generatedValues(batch * classes, 9).map((value) => 4 * value);

/** Probabilities [N, K] by definition. */
function softmax(): number[] {
  return Array.from(values, (value, i) => {
    const row = values.subarray(i - (i % classes), i - (i % classes) + classes);
    return Math.exp(value) / row.reduce((sum, other) => sum + Math.exp(other), 0);
  });
}

test('is the mean negative log-likelihood; its gradient the mean of p less the target', () => {
  const p = softmax();
  const losses = labels.map((label, n) => -Math.log(p[n * classes + label] as number));
  const expected = losses.reduce((sum, loss) => sum + loss, 0) / batch;
  tf.tidy(() => {
    const targets = tf.tensor1d(labels, 'int32');
    const { value, grad } = tf.valueAndGrad((logits: tf.Tensor) =>
      softmaxCrossEntropy(logits as tf.Tensor2D, targets),
    )(tf.tensor2d(values, [batch, classes]));
    expect(value.dataSync()[0]).toBeCloseTo(expected, 5);
    grad.dataSync().forEach((found, i) => {
      const target = labels[Math.floor(i / classes)] === i % classes ? 1 : 0;
      expect(found).toBeCloseTo(((p[i] as number) - target) / batch, 6);
    });
  });
});

test('stays finite for logits whose exponentials are not', () => {
  tf.tidy(() => {
    const logits = tf.tensor2d([1000, 0, -1000], [1, 3]);
    expect(softmaxCrossEntropy(logits, tf.tensor1d([1], 'int32')).dataSync()[0]).toBe(1000);
  });
});
