import * as tf from '@tensorflow/tfjs';
import { type NativeKernels } from '../kernel.js';
import { isNativeDType } from '../tensor_data.js';

/** Kernels that take tensors apart, put them together or repeat them. */
export const partsAndPadding: NativeKernels = {
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
  Unpack: ({ inputs, attrs, backend }) => {
    const value = inputs.value!;
    if (!isNativeDType(value.dtype)) return undefined;
    const axis = tf.util.parseAxisParam(attrs.axis as number, value.shape)[0]!;
    const sizes = new Array<number>(value.shape[axis]!).fill(1);
    const shape = value.shape.toSpliced(axis, 1);
    return backend.run('SplitV', [value], { sizes, axis }).map((row) => ({ ...row, shape }));
  },
  ZerosLike: ({ inputs, backend }) => {
    const { shape, dtype } = inputs.x!;
    if (!isNativeDType(dtype)) return undefined;
    return backend.run('Fill', [], { shape, value: 0, dtype })[0];
  },
};
