import * as tf from '@tensorflow/tfjs';
import { afterAll, describe, expect, it } from 'vitest';
import '../../src/backend/register.js';
import { native } from '../../src/native.js';
import { clippingScale, gradientNorm } from '../../src/ops/gradient_norm.js';
import { generatedValues } from '../generated_values.js';

const threads = native().threads();
afterAll(() => void native().threads(threads));

describe.each(['cpu', 'menet'])('on %s', (backend) => {
  // torch.nn.utils.clip_grad_norm_ of these gives a norm of 7.4161984871.
  const gradients = () => [tf.tensor1d([1, 2, 3]), tf.tensor2d([[4], [5]])];

  it('is that of all elements together', async () => {
    await tf.setBackend(backend);
    const { numTensors } = tf.memory();
    const list = gradients();
    const norm = gradientNorm(list);
    expect(norm.dataSync()[0]).toBeCloseTo(7.4161984871, 6);
    tf.dispose([list, norm]);
    expect(tf.memory().numTensors).toBe(numTensors);
  });

  it.each([NaN, Infinity])('is no number for a gradient of %d', async (value) => {
    await tf.setBackend(backend);
    expect(gradientNorm([...gradients(), tf.scalar(value)]).dataSync()[0]).toBe(value);
  });

  it('rejects what has no norm', async () => {
    await tf.setBackend(backend);
    expect(() => gradientNorm([])).toThrow(
      'gradientNorm: gradients: expected at least one tensor, got 0',
    );
    expect(() => gradientNorm([tf.ones([2], 'int32')])).toThrow(
      'gradientNorm: gradients[0]: expected float32 tensor [2], got int32 tensor [2]',
    );
  });
});

it('clips as PyTorch does', () => {
  // torch.nn.utils.clip_grad_norm_ of a norm of 7.416 multiplies gradients by 0.1348399543 for 1.
  expect(clippingScale(7.4161984871, 1)).toBeCloseTo(0.1348399543, 9);
  expect(clippingScale(7.4161984871, 100)).toBe(1);
  expect(clippingScale(5e-6, 3e-6)).toBeCloseTo(0.5, 5); // beside 1e-6 in the divisor
  expect(() => clippingScale(1, 0)).toThrow('clippingScale: maxNorm: expected a number > 0, got 0');
  expect(() => clippingScale(NaN, 1)).toThrow(
    'clippingScale: norm: expected a number >= 0, got NaN',
  );
});

it('is the same for any number of threads, and right to the last bit of float32', async () => {
  await tf.setBackend('menet');
  const values = [1, 70_001, 4097].map((size, i) => Float32Array.from(generatedValues(size, i)));
  const gradients = values.map((list) => tf.tensor1d(list));
  const exact = values.flatMap((list) => [...list]).reduce((sum, value) => sum + value * value, 0);
  for (const count of [1, 2, 3, 7]) {
    native().threads(count);
    expect(gradientNorm(gradients).dataSync()[0]).toBe(Math.fround(Math.sqrt(exact)));
  }
});
