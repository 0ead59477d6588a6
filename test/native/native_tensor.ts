import { native, type NativeTensor } from '../../src/native.js';
import { randomValues } from '../backend/random_values.js';

/** A float32 tensor of seeded values in [-1, 1); the caller frees it. */
export function randomTensor(shape: number[], seed: number): NativeTensor {
  const values = randomValues(
    shape.reduce((a, b) => a * b, 1),
    seed,
  );
  return tensorOf(values, shape);
}

export function tensorOf(values: Float32Array, shape: number[]): NativeTensor {
  const id = native().allocate(values.byteLength);
  native().write(id, values);
  return { id, shape, dtype: 'float32' };
}

export function read({ id, shape }: NativeTensor): Float32Array {
  const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
  native().read(id, values);
  return values;
}

export function free(tensors: readonly NativeTensor[]): void {
  for (const { id } of tensors) native().free(id);
}
