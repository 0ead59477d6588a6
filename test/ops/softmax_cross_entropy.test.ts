import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';
import '../../src/backend/register.js';
import { InputError } from '../../src/errors.js';
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

describe.each(['cpu', 'menet'])('on %s', (backend) => {
  beforeAll(async () => {
    await tf.setBackend(backend);
  });

  const others = [2, 0, 1, 6, 5];
  const weights = [0.25, 0.5, 0, 1, 0.75];

  test.each([
    { labelSmoothing: 0.1, mixing: false },
    { labelSmoothing: 0, mixing: true },
    { labelSmoothing: 0.3, mixing: true },
    { labelSmoothing: 1, mixing: false },
  ])('targets are the labels’ shares: %o', ({ labelSmoothing, mixing }) => {
    const p = softmax();
    const target = (n: number, k: number) => {
      const weight = mixing ? weights[n]! : 0;
      const own = labels[n] === k ? 1 - weight : 0;
      const other = others[n] === k ? weight : 0;
      return (1 - labelSmoothing) * (own + other) + labelSmoothing / classes;
    };
    const terms = p.map(
      (value, i) => -target(Math.floor(i / classes), i % classes) * Math.log(value),
    );
    const expected = terms.reduce((sum, term) => sum + term, 0) / batch;
    tf.tidy(() => {
      const mixed = { labels: tf.tensor1d(others, 'int32'), weights: tf.tensor1d(weights) };
      const options = { labelSmoothing, ...(mixing ? { mixed } : {}) };
      const { value, grad } = tf.valueAndGrad((logits: tf.Tensor) =>
        softmaxCrossEntropy(logits as tf.Tensor2D, tf.tensor1d(labels, 'int32'), options),
      )(tf.tensor2d(values, [batch, classes]));
      expect(value.dataSync()[0]).toBeCloseTo(expected, 5);
      grad.dataSync().forEach((found, i) => {
        const wanted = (p[i]! - target(Math.floor(i / classes), i % classes)) / batch;
        expect(found).toBeCloseTo(wanted, 6);
      });
    });
  });

  test.each([
    [{ labels: [0, 7] }, 'labels: expected classes from 0 to 6, got 7'],
    [{ labels: [-1, 0] }, 'labels: expected classes from 0 to 6, got -1'],
    [{ others: [0, 9] }, 'mixed.labels: expected classes from 0 to 6, got 9'],
    [{ weights: [0.5, 1.5] }, 'mixed.weights: expected shares from 0 to 1, got 1.5'],
    [{ labelSmoothing: 1.1 }, 'labelSmoothing: expected a share from 0 to 1, got 1.1'],
  ])('rejects %o', (spoilt, message) => {
    const given = {
      labels: [0, 1],
      others: [1, 2],
      weights: [0, 0.5],
      labelSmoothing: 0,
      ...spoilt,
    };
    tf.tidy(() => {
      const mixed = {
        labels: tf.tensor1d(given.others, 'int32'),
        weights: tf.tensor1d(given.weights),
      };
      const call = () =>
        softmaxCrossEntropy(tf.zeros([2, classes]), tf.tensor1d(given.labels, 'int32'), {
          labelSmoothing: given.labelSmoothing,
          mixed,
        });
      expect(call).toThrow(InputError);
      expect(call).toThrow(`softmaxCrossEntropy: ${message}`);
    });
  });
});
