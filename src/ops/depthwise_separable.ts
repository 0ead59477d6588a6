import * as tf from '@tensorflow/tfjs';
import { type BatchNormParams, batchNormReference, checkBatchNorm } from './batch_norm.js';
import { checkArguments, checkChoice, checkTensor } from './checks.js';
import { depthwiseReference, type UnitOptions } from './group_conv_shuffle_depthwise.js';
import { type Parameter, runUnit } from './native_unit.js';

/** Weights of {@link depthwiseSeparable}. */
export interface DepthwiseSeparableParams {
  /** [3, 3, Cin, 1] */
  depthwise: tf.Tensor4D;
  bnDepthwise: BatchNormParams;
  /** [1, 1, Cin, Cout] */
  pointwise: tf.Tensor4D;
  bnPointwise: BatchNormParams;
}

/**
 * MobileNet's block: 3×3 depthwise convolution with padding 1, batch norm, relu, 1×1 convolution,
 * batch norm, relu.
 * @param x activations [N, H, W, Cin], float32
 * @returns [N, ⌈H/s⌉, ⌈W/s⌉, Cout]
 * @throws InputError for wrong shapes, types or attributes and for disposed tensors
 * @see MobileNets, arXiv:1704.04861
 */
export function depthwiseSeparable(
  x: tf.Tensor4D,
  params: DepthwiseSeparableParams,
  options: Omit<UnitOptions, 'groups'>,
): tf.Tensor4D {
  const op = 'depthwiseSeparable';
  checkArguments(op, params, options);
  checkTensor(`${op}: x`, x, ['N', 'H', 'W', 'Cin']);
  checkChoice(`${op}: strides`, options.strides, [1, 2]);
  const channels = x.shape[3];
  const training = options.training ?? false;
  checkTensor(`${op}: depthwise`, params.depthwise, [3, 3, channels, 1]);
  checkBatchNorm(`${op}: bnDepthwise`, params.bnDepthwise, channels, training);
  checkTensor(`${op}: pointwise`, params.pointwise, [1, 1, channels, 'Cout']);
  checkBatchNorm(`${op}: bnPointwise`, params.bnPointwise, params.pointwise.shape[3], training);
  return runUnit({
    op: 'DepthwiseSeparable',
    activations: [x],
    parameters: separableParameters(params),
    options,
    reference: () => depthwiseSeparableReference(x, params, options),
  });
}

/** The parameters in the order of the native op's inputs. */
export const separableParameters = (p: DepthwiseSeparableParams): Parameter[] => [
  p.depthwise,
  p.bnDepthwise,
  p.pointwise,
  p.bnPointwise,
];

/** {@link depthwiseSeparable} from stock ops. */
export function depthwiseSeparableReference(
  x: tf.Tensor4D,
  params: DepthwiseSeparableParams,
  { strides, training = false }: Omit<UnitOptions, 'groups'>,
): tf.Tensor4D {
  const filtered = depthwiseReference(x, params.depthwise, strides);
  const hidden = tf.relu(batchNormReference(filtered, params.bnDepthwise, training));
  const mixed = tf.conv2d(hidden, params.pointwise, 1, 'valid');
  return tf.relu(batchNormReference(mixed, params.bnPointwise, training));
}
