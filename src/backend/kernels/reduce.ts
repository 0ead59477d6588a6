import * as tf from '@tensorflow/tfjs';
import { type NativeKernel, type NativeKernels } from '../kernel.js';
import { type MenetBackend } from '../menet_backend.js';

/** True where nothing but dimensions of 1 lies between the axes, as native reductions want it. */
function areNeighbours(axes: readonly number[], shape: readonly number[]): boolean {
  const between = shape.slice(axes[0], axes.at(-1)! + 1);
  const others = between.filter((size, i) => size !== 1 && !axes.includes(axes[0]! + i));
  return others.length === 0;
}

/** Runs a native reduction, after moving axes that are apart to the end. */
function reduce(
  backend: MenetBackend,
  op: string,
  x: tf.TensorInfo,
  axes: number[],
  keepDims: boolean,
): tf.TensorInfo {
  if (axes.length === 0 || areNeighbours(axes, x.shape)) {
    return backend.run(op, [x], { axes, keepDims })[0]!;
  }
  const rank = x.shape.length;
  const perm = tf.backend_util.getAxesPermutation(axes, rank)!;
  const moved = backend.run('Transpose', [x], { perm })[0]!;
  const last = tf.backend_util.getInnerMostAxes(axes.length, rank);
  const y = backend.run(op, [moved], { axes: last, keepDims: false })[0]!;
  backend.disposeIntermediateTensorInfo(moved);
  if (!keepDims) return y;
  return { ...y, shape: tf.backend_util.expandShapeToKeepDim(y.shape, axes) };
}

/** Ascending and without repetition. */
function parseAxes(axis: unknown, shape: number[]): number[] {
  const axes = tf.util.parseAxisParam(axis as number[], shape);
  return [...new Set(axes)].sort((a, b) => a - b);
}

function reduction(op: string, dtypes: readonly string[], axisName = 'axis'): NativeKernel {
  return ({ inputs, attrs, backend }) => {
    const x = inputs.x!;
    if (!dtypes.includes(x.dtype)) return undefined;
    return reduce(backend, op, x, parseAxes(attrs[axisName], x.shape), attrs.keepDims === true);
  };
}

const numbers = ['float32', 'int32'];

export const reductions: NativeKernels = {
  Max: reduction('Max', numbers, 'reductionIndices'),
  Mean: reduction('Mean', ['float32']),
  Min: reduction('Min', numbers),
  Prod: reduction('Prod', numbers),
  Sum: reduction('Sum', numbers),
};
