import * as tf from '@tensorflow/tfjs';
import { type NativeKernels } from '../kernel.js';
import { isNativeDType } from '../tensor_data.js';

/** Kernels that look elements up by index. */
export const gathering: NativeKernels = {
  GatherV2: ({ inputs, attrs, backend }) => {
    const { x, indices } = inputs as { x: tf.TensorInfo; indices: tf.TensorInfo };
    if (!isNativeDType(x.dtype) || indices.dtype !== 'int32') return undefined;
    const axis = tf.util.parseAxisParam(attrs.axis as number, x.shape)[0]!;
    const info = tf.backend_util.segment_util.collectGatherOpShapeInfo(
      x,
      indices,
      axis,
      (attrs.batchDims as number | undefined) ?? 0,
    );
    const { batchSize, outerSize, dimSize, sliceSize, outputShape } = info;
    if (batchSize === 0) return undefined;
    const count = tf.util.sizeFromShape(indices.shape) / batchSize;
    const y = backend.run('GatherV2', [
      { ...x, shape: [batchSize, outerSize, dimSize, sliceSize] },
      { ...indices, shape: [batchSize, count] },
    ])[0]!;
    return { ...y, shape: outputShape };
  },
  OneHot: ({ inputs, attrs, backend }) => {
    const indices = inputs.indices!;
    const { dtype, depth, onValue, offValue } = attrs as Record<string, number> & {
      dtype: tf.DataType;
    };
    if (indices.dtype !== 'int32' || !isNativeDType(dtype)) return undefined;
    return backend.run('OneHot', [indices], { dtype, depth, onValue, offValue })[0];
  },
  UnsortedSegmentSum: ({ inputs, attrs, backend }) => {
    const { x, segmentIds } = inputs as { x: tf.TensorInfo; segmentIds: tf.TensorInfo };
    const plain = segmentIds.shape.length === 1 && segmentIds.dtype === 'int32';
    if (x.dtype !== 'float32' || !plain) return undefined;
    const numSegments = attrs.numSegments as number;
    return backend.run('UnsortedSegmentSum', [x, segmentIds], { numSegments })[0];
  },
};
