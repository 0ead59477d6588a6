import * as tf from '@tensorflow/tfjs';
import { type NativeKernels } from '../kernel.js';
import { isNativeDType } from '../tensor_data.js';

/** Kernels that move elements without computing with them. */
export const layout: NativeKernels = {
  Cast: ({ inputs, attrs, backend }) => {
    const x = inputs.x!;
    const dtype = attrs.dtype as tf.DataType;
    // The same type is tfjs-backend-cpu's case: another reference to the same data.
    if (x.dtype === dtype || !isNativeDType(x.dtype) || !isNativeDType(dtype)) return undefined;
    return backend.run('Cast', [x], { dtype })[0];
  },
  Concat: ({ inputs, attrs, backend }) => {
    const all = Object.values(inputs) as tf.TensorInfo[];
    const first = all[0]!;
    const axis = tf.util.parseAxisParam(attrs.axis as number, first.shape)[0]!;
    const filled = all.filter(({ shape }) => !shape.includes(0));
    if (filled.length < 2 || !isNativeDType(first.dtype)) return undefined;
    if (all.some(({ dtype }) => dtype !== first.dtype)) return undefined;
    tf.backend_util.assertParamsConsistent(
      all.map(({ shape }) => shape),
      axis,
    );
    return backend.run('Concat', filled, { axis })[0];
  },
  Fill: ({ attrs, backend }) => {
    const { shape, value } = attrs as { shape: number[]; value: number };
    const dtype = (attrs.dtype as tf.DataType | undefined) ?? tf.util.inferDtype(value);
    if (!isNativeDType(dtype)) return undefined;
    return backend.run('Fill', [], { shape, value: Number(value), dtype })[0];
  },
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
  Pack: ({ inputs, attrs, backend }) => {
    const all = Object.values(inputs) as tf.TensorInfo[];
    const { shape, dtype } = all[0]!;
    const alike = all.every((x) => x.dtype === dtype && tf.util.arraysEqual(x.shape, shape));
    if (!alike || !isNativeDType(dtype)) return undefined;
    const axis = attrs.axis as number;
    const rows = all.map((x) => ({ ...x, shape: shape.toSpliced(axis, 0, 1) }));
    return backend.run('Concat', rows, { axis })[0];
  },
  PadV2: ({ inputs, attrs, backend }) => {
    const x = inputs.x!;
    if (!isNativeDType(x.dtype)) return undefined;
    const paddings = (attrs.paddings as [number, number][]).flat();
    const constantValue = Number(attrs.constantValue);
    if (x.shape.length === 0) return undefined;
    return backend.run('PadV2', [x], { paddings, constantValue })[0];
  },
  Reverse: ({ inputs, attrs, backend }) => {
    const x = inputs.x!;
    if (!isNativeDType(x.dtype) || x.shape.length === 0) return undefined;
    const axes = tf.util.parseAxisParam(attrs.dims as number[], x.shape);
    return backend.run('Reverse', [x], { axes: [...new Set(axes)] })[0];
  },
  Slice: ({ inputs, attrs, backend }) => {
    const x = inputs.x!;
    if (!isNativeDType(x.dtype)) return undefined;
    const [begin, size] = tf.slice_util.parseSliceParams(
      x,
      attrs.begin as number[],
      attrs.size as number[],
    ) as [number[], number[]];
    tf.slice_util.assertParamsValid(x, begin, size);
    return backend.run('Slice', [x], { begin, size })[0];
  },
  SplitV: ({ inputs, attrs, backend }) => {
    const x = inputs.x!;
    if (!isNativeDType(x.dtype)) return undefined;
    const axis = tf.util.parseAxisParam(attrs.axis as number, x.shape)[0]!;
    const splits = attrs.numOrSizeSplits as number | number[];
    const sizes = tf.backend_util.prepareSplitSize(x, splits, axis);
    return backend.run('SplitV', [x], { sizes, axis });
  },
  Tile: ({ inputs, attrs, backend }) => {
    const x = inputs.x!;
    if (!isNativeDType(x.dtype)) return undefined;
    return backend.run('Tile', [x], { reps: attrs.reps as number[] })[0];
  },
  Transpose: ({ inputs, attrs, backend }) => {
    const x = inputs.x!;
    if (!isNativeDType(x.dtype)) return undefined;
    return backend.run('Transpose', [x], { perm: attrs.perm as number[] })[0];
  },
  Unpack: ({ inputs, attrs, backend }) => {
    const value = inputs.value!;
    if (!isNativeDType(value.dtype)) return undefined;
    const axis = tf.util.parseAxisParam(attrs.axis as number, value.shape)[0]!;
    const sizes = new Array<number>(value.shape[axis]!).fill(1);
    const shape = value.shape.toSpliced(axis, 1);
    return backend.run('SplitV', [value], { sizes, axis }).map((row) => ({ ...row, shape }));
  },
  UnsortedSegmentSum: ({ inputs, attrs, backend }) => {
    const { x, segmentIds } = inputs as { x: tf.TensorInfo; segmentIds: tf.TensorInfo };
    const plain = segmentIds.shape.length === 1 && segmentIds.dtype === 'int32';
    if (x.dtype !== 'float32' || !plain) return undefined;
    const numSegments = attrs.numSegments as number;
    return backend.run('UnsortedSegmentSum', [x, segmentIds], { numSegments })[0];
  },
  ZerosLike: ({ inputs, backend }) => {
    const { shape, dtype } = inputs.x!;
    if (!isNativeDType(dtype)) return undefined;
    return backend.run('Fill', [], { shape, value: 0, dtype })[0];
  },
};
