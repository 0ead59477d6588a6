import * as tf from '@tensorflow/tfjs';
import { type BatchNormParams, batchNormReference, checkBatchNorm } from './batch_norm.js';
import { channelShuffleReference } from './channel_shuffle.js';
import { checkArguments, checkChoice, checkGroups, checkTensor } from './checks.js';
import { checkGroupedConv, groupedConvReference } from './grouped_conv.js';
import { compressParameters, runUnit } from './native_unit.js';
import { padOne } from './pad_one.js';

/** Weights of {@link groupConvShuffleDepthwise}; c is the bottleneck's width. */
export interface GroupConvShuffleDepthwiseParams {
  /** [1, 1, Cin/g, c]; its number of groups may differ from the shuffle's */
  compress: tf.Tensor4D;
  bnCompress: BatchNormParams;
  /** [3, 3, c, 1] */
  depthwise: tf.Tensor4D;
}

/** Attributes shared by the unit ops. */
export interface UnitOptions {
  /** groups of the channel shuffle; must divide the bottleneck's width */
  groups: number;
  /** 2 halves height and width, rounding up */
  strides: 1 | 2;
  /** normalise with the batch's statistics and update the running ones; default false */
  training?: boolean;
}

/**
 * Opening of a ShuffleNet or ME unit's residual branch: grouped 1×1 convolution, batch norm,
 * relu, channel shuffle, 3×3 depthwise convolution with padding 1.
 * @param x activations [N, H, W, Cin], float32
 * @returns the depthwise convolution's output, not yet normalised, [N, ⌈H/s⌉, ⌈W/s⌉, c]
 * @throws InputError for wrong shapes, types or attributes and for disposed tensors
 * @see MENet, arXiv:1803.09127; ShuffleNet, arXiv:1707.01083
 */
export function groupConvShuffleDepthwise(
  x: tf.Tensor4D,
  params: GroupConvShuffleDepthwiseParams,
  options: UnitOptions,
): tf.Tensor4D {
  checkGroupConvShuffleDepthwise('groupConvShuffleDepthwise', x, params, options);
  return runUnit({
    op: 'GroupConvShuffleDepthwise',
    activations: [x],
    parameters: compressParameters(params),
    options,
    reference: () => groupConvShuffleDepthwiseReference(x, params, options),
  });
}

/** Checks the arguments for the op named `op`. */
export function checkGroupConvShuffleDepthwise(
  op: string,
  x: tf.Tensor4D,
  params: GroupConvShuffleDepthwiseParams,
  options: UnitOptions,
): void {
  checkArguments(op, params, options);
  checkTensor(`${op}: x`, x, ['N', 'H', 'W', 'Cin']);
  checkChoice(`${op}: strides`, options.strides, [1, 2]);
  checkGroupedConv(`${op}: compress`, params.compress, x.shape[3]);
  const width = params.compress.shape[3];
  checkGroups(`${op}: groups`, options.groups, width);
  checkBatchNorm(`${op}: bnCompress`, params.bnCompress, width, options.training ?? false);
  checkTensor(`${op}: depthwise`, params.depthwise, [3, 3, width, 1]);
}

/** {@link groupConvShuffleDepthwise} from stock ops. */
export function groupConvShuffleDepthwiseReference(
  x: tf.Tensor4D,
  params: GroupConvShuffleDepthwiseParams,
  options: UnitOptions,
): tf.Tensor4D {
  const shuffled = compressShuffleReference(x, params, options);
  return depthwiseReference(shuffled, params.depthwise, options.strides);
}

/** The part up to the shuffle, whose output the merge-evolve branch reads too: [N, H, W, c]. */
export function compressShuffleReference(
  x: tf.Tensor4D,
  { compress, bnCompress }: Pick<GroupConvShuffleDepthwiseParams, 'compress' | 'bnCompress'>,
  { groups, training = false }: UnitOptions,
): tf.Tensor4D {
  const compressed = groupedConvReference(x, compress);
  return channelShuffleReference(
    tf.relu(batchNormReference(compressed, bnCompress, training)),
    groups,
  );
}

/** 3×3 depthwise convolution with padding 1 on every side, weights [3, 3, c, 1]. */
export function depthwiseReference(
  x: tf.Tensor4D,
  weights: tf.Tensor4D,
  strides: 1 | 2,
): tf.Tensor4D {
  const [padded, padding] = padOne(x);
  return tf.depthwiseConv2d(padded, weights, strides, padding);
}
