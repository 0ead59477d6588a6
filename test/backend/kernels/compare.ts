import * as tf from '@tensorflow/tfjs';
import { afterEach, expect, test, vi } from 'vitest';
import { backendName } from '../../../src/backend/menet_backend.js';
import '../../../src/backend/register.js';
import { TensorData } from '../../../src/backend/tensor_data.js';
import { randomValues } from '../random_values.js';

/** Something to compute on any backend. */
export type Case = [name: string, run: () => tf.Tensor | tf.Tensor[]];
export type Shape4D = [number, number, number, number];

export const x1 = (n: number, seed = 1) => tf.tensor1d(randomValues(n, seed));
export const x2 = (rows: number, columns: number, seed = 1) =>
  tf.tensor2d(randomValues(rows * columns, seed), [rows, columns]);
export const x4 = (shape: Shape4D, seed = 1) =>
  tf.tensor4d(randomValues(tf.util.sizeFromShape(shape), seed), shape);

/** Values of x's shape, for gradients. */
export function randomLike(x: tf.Tensor): tf.Tensor {
  return tf.tensor(randomValues(x.size, 9), x.shape);
}

async function results(
  backend: string,
  run: Case[1],
): Promise<{ shape: number[]; dtype: string; values: Float32Array }[]> {
  await tf.setBackend(backend);
  return tf.tidy(() => {
    const outputs = run();
    return (Array.isArray(outputs) ? outputs : [outputs]).map((y) => ({
      shape: y.shape,
      dtype: y.dtype,
      values: y.dataSync() as Float32Array,
    }));
  });
}

/** The greatest difference, relative to the greatest value: sums cancel. */
function distance(a: Float32Array, b: Float32Array): number {
  let greatest = 1e-30;
  let difference = 0;
  for (let i = 0; i < a.length; i++) {
    if (Number.isNaN(a[i]) !== Number.isNaN(b[i])) return Infinity;
    if (a[i] === b[i] || Number.isNaN(a[i])) continue;
    greatest = Math.max(greatest, Math.abs(b[i]!));
    difference = Math.max(difference, Math.abs(a[i]! - b[i]!));
  }
  return difference / greatest;
}

/**
 * Tests that native kernels do what tfjs-backend-cpu's do, without their help. The cases have
 * whole vectors, tails and work for several threads; tfjs-core's specs are mostly about a
 * handful of numbers.
 */
export function testAgainstCpu(cases: Case[]): void {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  test.each(cases)('%s', async (_name, run) => {
    // What kernels of tfjs-backend-cpu read their inputs through.
    const hostValues = vi.spyOn(TensorData.prototype, 'values', 'get');
    const actual = await results(backendName, run);
    expect(hostValues).not.toHaveBeenCalled();
    const expected = await results('cpu', run);
    const types = (list: typeof actual) => list.map(({ shape, dtype }) => ({ shape, dtype }));
    expect(types(actual)).toEqual(types(expected));
    actual.forEach(({ values }, i) =>
      expect(distance(values, expected[i]!.values)).toBeLessThan(1e-4),
    );
  });
}
