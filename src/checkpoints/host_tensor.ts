import type { HostArray } from './data_type.js';

/** A tensor in host memory: row-major, PyTorch layout (convolution weights OIHW). */
export interface HostTensor {
  shape: number[];
  data: HostArray;
}

/** Number of elements of a shape, or Infinity where a double cannot count them. */
export function elementCount(shape: readonly number[]): number {
  if (shape.includes(0)) return 0;
  const count = shape.reduce((product, size) => product * size, 1);
  return Number.isSafeInteger(count) ? count : Infinity;
}

/** Strides of a row-major tensor, in elements. */
export function rowMajorStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    strides[d] = stride;
    stride *= shape[d]!;
  }
  return strides;
}

/** Whether the strides walk the elements in row-major order without gaps. */
export function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  const dense = rowMajorStrides(shape);
  return shape.every((size, d) => size === 1 || strides[d] === dense[d]);
}

/** Copies a strided view of `data` (strides in elements) into row-major order. */
export function gatherStrided(
  data: HostArray,
  offset: number,
  shape: readonly number[],
  strides: readonly number[],
): HostArray {
  const count = elementCount(shape);
  // One element type on both sides, whichever it is: TypeScript cannot say so for a union.
  const source = data as Float32Array;
  const result = new (source.constructor as Float32ArrayConstructor)(count);
  // Dimensions of one element never move; without them, carrying costs at most as much as copying.
  const sizes = shape.filter((size) => size !== 1);
  const steps = strides.filter((_, d) => shape[d] !== 1);
  const index = new Array<number>(sizes.length).fill(0);
  let at = offset;
  for (let i = 0; i < count; i++) {
    result[i] = source[at]!;
    for (let d = sizes.length - 1; d >= 0; d--) {
      at += steps[d]!;
      if (++index[d]! < sizes[d]!) break;
      at -= steps[d]! * sizes[d]!;
      index[d] = 0;
    }
  }
  return result;
}
