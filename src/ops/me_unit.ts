import type * as tf from '@tensorflow/tfjs';
import { checkExpandParams, type ExpandParams, expandJoinReference } from './expand_join.js';
import {
  checkGroupConvShuffleDepthwise,
  compressShuffleReference,
  depthwiseReference,
  type GroupConvShuffleDepthwiseParams,
  type UnitOptions,
} from './group_conv_shuffle_depthwise.js';
import {
  checkMergeEvolveParams,
  type MergeEvolveParams,
  mergeEvolveReference,
} from './merge_evolve.js';
import { branchParameters, compressParameters, expandParameters, runUnit } from './native_unit.js';

/** Weights of {@link meUnit}. */
export type MeUnitParams = GroupConvShuffleDepthwiseParams & MergeEvolveParams & ExpandParams;

/**
 * Merging-and-evolution unit: a residual branch (grouped 1×1 convolution, channel shuffle,
 * depthwise 3×3, grouped 1×1 expansion) gated by a narrow dense branch (merge, 3×3, evolve).
 * @param x activations [N, H, W, Cin], float32
 * @param options strides 2 makes the downsampling unit, whose output is the expansion
 *   concatenated with the average-pooled input
 * @returns [N, H, W, Cin] (strides 1) or [N, ⌈H/2⌉, ⌈W/2⌉, Cout + Cin] (strides 2)
 * @throws InputError for wrong shapes, types or attributes and for disposed tensors
 * @see MENet, arXiv:1803.09127
 */
export function meUnit(x: tf.Tensor4D, params: MeUnitParams, options: UnitOptions): tf.Tensor4D {
  const op = 'meUnit';
  checkGroupConvShuffleDepthwise(op, x, params, options);
  const width = params.compress.shape[3];
  checkMergeEvolveParams(op, params, width, options.training ?? false);
  checkExpandParams(op, x, width, params, options);
  return runUnit({
    op: 'MeUnit',
    activations: [x],
    parameters: [
      ...compressParameters(params),
      ...branchParameters(params),
      ...expandParameters(params),
    ],
    options,
    reference: () => meUnitReference(x, params, options),
  });
}

/** {@link meUnit} from stock ops. */
export function meUnitReference(
  x: tf.Tensor4D,
  params: MeUnitParams,
  options: UnitOptions,
): tf.Tensor4D {
  const shuffled = compressShuffleReference(x, params, options);
  const residual = depthwiseReference(shuffled, params.depthwise, options.strides);
  const gated = mergeEvolveReference(shuffled, residual, params, options);
  return expandJoinReference(x, gated, params, options);
}
