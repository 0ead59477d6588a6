import * as tf from '@tensorflow/tfjs';
import { afterAll, describe, expect, it } from 'vitest';
import '../../src/backend/register.js';
import { native } from '../../src/native.js';
import { clipGradients, gradientNorm } from '../../src/ops/gradient_norm.js';
import { generatedValues } from '../generated_values.js';

const threads = native().threads();
afterAll(() => void native().threads(threads));

describe.each(['cpu', 'menet'])('on %s', (backend) => {
  // torch.nn.utils.clip_grad_norm_ of these gives a norm of 7.4161984871 and, for 1, the
  // gradients times 0.1348399543.
  const gradients = () => [tf.tensor1d([1, 2, 3]), tf.tensor2d([[4], [5]])];

  it('clips as PyTorch does', async () => {
    await tf.setBackend(backend);
    const { numTensors } = tf.memory();
    const list = gradients();
    const clipped = clipGradients(list, 1);
    expect(clipped.norm).toBeCloseTo(7.4161984871, 6);
    expect(clipped.scale).toBeCloseTo(0.1348399543, 7);
    expect(clipGradients(list, 100).scale).toBe(1);
    const small = tf.tensor1d([3e-6, 4e-6]); // beside PyTorch's 1e-6 in the divisor
    expect(clipGradients([small], 3e-6).scale).toBeCloseTo(0.5, 5);
    tf.dispose([list, small]);
    expect(tf.memory().numTensors).toBe(numTensors);
  });

  it.each([NaN, Infinity])('has no scale for a gradient of %d', async (value) => {
    await tf.setBackend(backend);
    const { norm, scale } = clipGradients([...gradients(), tf.scalar(value)], 1);
    expect(norm).toBe(value);
    expect(scale).toBeNaN();
  });

  it('rejects what has no norm', async () => {
    await tf.setBackend(backend);
    expect(() => clipGradients([], 1)).toThrow(
      'gradientNorm: gradients: expected at least one tensor, got 0',
    );
    expect(() => clipGradients(gradients(), 0)).toThrow(
      'clipGradients: maxNorm: expected a number > 0, got 0',
    );
    expect(() => gradientNorm([tf.ones([2], 'int32')])).toThrow(
      'gradientNorm: gradients[0]: expected float32 tensor [2], got int32 tensor [2]',
    );
  });
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
