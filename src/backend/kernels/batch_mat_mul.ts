import * as tf from '@tensorflow/tfjs';
import { type NativeKernel, type NativeKernels } from '../kernel.js';
import { areFloats } from './float_inputs.js';

/** Matrices in a batch, whose dimensions become one: batches that broadcast inside are not covered. */
function batchesOf(shape: number[], result: number[]): number | undefined {
  const outer = shape.slice(0, -2);
  const size = tf.util.sizeFromShape(outer);
  return size === 1 || tf.util.arraysEqual(outer, result) ? size : undefined;
}

const batchMatMul: NativeKernel = ({ inputs, attrs, backend }) => {
  const { a, b } = inputs as { a: tf.TensorInfo; b: tf.TensorInfo };
  const { transposeA, transposeB } = attrs as { transposeA: boolean; transposeB: boolean };
  if (!areFloats(a, b)) return undefined;
  const outer = tf.broadcast_util.assertAndGetBroadcastShape(
    a.shape.slice(0, -2),
    b.shape.slice(0, -2),
  );
  const aBatches = batchesOf(a.shape, outer);
  const bBatches = batchesOf(b.shape, outer);
  if (aBatches === undefined || bBatches === undefined) return undefined;
  const y = backend.run(
    'BatchMatMul',
    [
      { ...a, shape: [aBatches, ...a.shape.slice(-2)] },
      { ...b, shape: [bBatches, ...b.shape.slice(-2)] },
    ],
    { transposeA, transposeB },
  )[0]!;
  return { ...y, shape: [...outer, ...y.shape.slice(1)] };
};

export const matrixProducts: NativeKernels = { BatchMatMul: batchMatMul };
