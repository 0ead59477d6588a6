import type * as tf from '@tensorflow/tfjs';
import { type BatchNormParams, batchNormReference, checkBatchNorm } from './batch_norm.js';
import { checkExpandParams, type ExpandParams, expandJoinReference } from './expand_join.js';
import {
  checkGroupConvShuffleDepthwise,
  groupConvShuffleDepthwiseReference,
  type GroupConvShuffleDepthwiseParams,
  type UnitOptions,
} from './group_conv_shuffle_depthwise.js';
import { compressParameters, expandParameters, runUnit } from './native_unit.js';

/** Weights of {@link shuffleUnit}. */
export type ShuffleUnitParams = GroupConvShuffleDepthwiseParams &
  ExpandParams & { bnDepthwise: BatchNormParams };

/**
 * ShuffleNet unit: grouped 1×1 convolution, channel shuffle, depthwise 3×3, grouped 1×1
 * expansion, joined with the input.
 * @param x activations [N, H, W, Cin], float32
 * @param options strides 2 makes the downsampling unit, whose output is the expansion
 *   concatenated with the average-pooled input
 * @returns [N, H, W, Cin] (strides 1) or [N, ⌈H/2⌉, ⌈W/2⌉, Cout + Cin] (strides 2)
 * @throws InputError for wrong shapes, types or attributes and for disposed tensors
 * @see ShuffleNet, arXiv:1707.01083
 */
export function shuffleUnit(
  x: tf.Tensor4D,
  params: ShuffleUnitParams,
  options: UnitOptions,
): tf.Tensor4D {
  const op = 'shuffleUnit';
  checkGroupConvShuffleDepthwise(op, x, params, options);
  const width = params.compress.shape[3];
  checkBatchNorm(`${op}: bnDepthwise`, params.bnDepthwise, width, options.training ?? false);
  checkExpandParams(op, x, width, params, options);
  return runUnit({
    op: 'ShuffleUnit',
    activations: [x],
    parameters: [...compressParameters(params), params.bnDepthwise, ...expandParameters(params)],
    options,
    reference: () => shuffleUnitReference(x, params, options),
  });
}

/** {@link shuffleUnit} from stock ops. */
export function shuffleUnitReference(
  x: tf.Tensor4D,
  params: ShuffleUnitParams,
  options: UnitOptions,
): tf.Tensor4D {
  const residual = groupConvShuffleDepthwiseReference(x, params, options);
  const normalised = batchNormReference(residual, params.bnDepthwise, options.training ?? false);
  return expandJoinReference(x, normalised, params, options);
}
