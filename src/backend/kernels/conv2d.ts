import * as tf from '@tensorflow/tfjs';
import { type NativeKernel, type NativeKernels } from '../kernel.js';
import { areFloats } from './float_inputs.js';
import { convolutionInfo, isChannelsLast, type WindowAttrs, windowAttributes } from './window.js';

function convolution(op: string, depthwise: boolean): NativeKernel {
  return ({ inputs, attrs, backend }) => {
    const { x, filter } = inputs as { x: tf.TensorInfo; filter: tf.TensorInfo };
    const window = attrs as unknown as WindowAttrs;
    if (!isChannelsLast(window) || !areFloats(x, filter)) return undefined;
    if (depthwise && filter.shape[3] !== 1) return undefined;
    const info = convolutionInfo(x.shape, filter.shape, window, depthwise);
    return backend.run(op, [x, filter], windowAttributes(info))[0];
  };
}

function backpropInput(op: string, depthwise: boolean): NativeKernel {
  return ({ inputs, attrs, backend }) => {
    const { dy, filter } = inputs as { dy: tf.TensorInfo; filter: tf.TensorInfo };
    const window = attrs as unknown as WindowAttrs & { inputShape: number[] };
    if (!isChannelsLast(window) || !areFloats(dy, filter)) return undefined;
    if (depthwise && filter.shape[3] !== 1) return undefined;
    const { inputShape } = window;
    const info = convolutionInfo(inputShape, filter.shape, window, depthwise);
    if (!tf.util.arraysEqual(dy.shape, info.outShape)) return undefined;
    return backend.run(op, [dy, filter], { ...windowAttributes(info), inputShape })[0];
  };
}

function backpropFilter(op: string, depthwise: boolean): NativeKernel {
  return ({ inputs, attrs, backend }) => {
    const { x, dy } = inputs as { x: tf.TensorInfo; dy: tf.TensorInfo };
    const window = attrs as unknown as WindowAttrs & { filterShape: number[] };
    if (!isChannelsLast(window) || !areFloats(x, dy)) return undefined;
    if (depthwise && window.filterShape[3] !== 1) return undefined;
    const { filterShape } = window;
    const info = convolutionInfo(x.shape, filterShape, window, depthwise);
    if (!tf.util.arraysEqual(dy.shape, info.outShape)) return undefined;
    return backend.run(op, [x, dy], { ...windowAttributes(info), filterShape })[0];
  };
}

const depthwise = 'DepthwiseConv2dNative';

export const convolutions: NativeKernels = {
  Conv2D: convolution('Conv2D', false),
  Conv2DBackpropInput: backpropInput('Conv2DBackpropInput', false),
  Conv2DBackpropFilter: backpropFilter('Conv2DBackpropFilter', false),
  [depthwise]: convolution(depthwise, true),
  [`${depthwise}BackpropInput`]: backpropInput(`${depthwise}BackpropInput`, true),
  [`${depthwise}BackpropFilter`]: backpropFilter(`${depthwise}BackpropFilter`, true),
};
