import * as tf from '@tensorflow/tfjs';
import { type NativeKernel, type NativeKernels } from '../kernel.js';
import { type OpAttributes } from '../menet_backend.js';
import { areFloats } from './float_inputs.js';
import { isChannelsLast, type WindowAttrs, windowAttributes } from './window.js';

type PoolAttrs = WindowAttrs & { filterSize: [number, number] | number };

function poolInfo(imageShape: number[], attrs: PoolAttrs): tf.backend_util.Conv2DInfo {
  return tf.backend_util.computePool2DInfo(
    imageShape as [number, number, number, number],
    attrs.filterSize,
    attrs.strides,
    1,
    attrs.pad,
    attrs.dimRoundingMode,
  );
}

function poolAttributes(info: tf.backend_util.Conv2DInfo): OpAttributes {
  return { ...windowAttributes(info), filterSize: [info.filterHeight, info.filterWidth] };
}

function pool(op: string): NativeKernel {
  return ({ inputs, attrs, backend }) => {
    const x = inputs.x!;
    const window = attrs as unknown as PoolAttrs;
    if (!isChannelsLast(window) || !areFloats(x)) return undefined;
    const info = poolInfo(x.shape, window);
    const { filterHeight, filterWidth, inShape, outShape } = info;
    // What tfjs-backend-cpu takes for the identity, even where strides and padding say otherwise.
    const single = filterHeight === 1 && filterWidth === 1;
    if (single && tf.util.arraysEqual(inShape, outShape)) return undefined;
    return backend.run(op, [x], poolAttributes(info))[0];
  };
}

export const pooling: NativeKernels = {
  AvgPool: pool('AvgPool'),
  AvgPoolGrad: ({ inputs, attrs, backend }) => {
    const { dy, input } = inputs as { dy: tf.TensorInfo; input: tf.TensorInfo };
    if (!areFloats(dy)) return undefined;
    const attributes = poolAttributes(poolInfo(input.shape, attrs as unknown as PoolAttrs));
    return backend.run('AvgPoolGrad', [dy], { ...attributes, inputShape: input.shape })[0];
  },
  MaxPool: pool('MaxPool'),
  MaxPoolGrad: ({ inputs, attrs, backend }) => {
    const { dy, input } = inputs as { dy: tf.TensorInfo; input: tf.TensorInfo };
    if (!areFloats(dy, input)) return undefined;
    const attributes = poolAttributes(poolInfo(input.shape, attrs as unknown as PoolAttrs));
    return backend.run('MaxPoolGrad', [dy, input], attributes)[0];
  },
};
