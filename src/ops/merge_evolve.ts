import * as tf from '@tensorflow/tfjs';
import { type BatchNormParams, batchNormReference, checkBatchNorm } from './batch_norm.js';
import { checkArguments, checkChoice, checkTensor } from './checks.js';
import { branchParameters, runUnit } from './native_unit.js';
import { padOne } from './pad_one.js';

/** Weights of {@link mergeEvolve}; c is the bottleneck's width, `side` the merged one's. */
export interface MergeEvolveParams {
  bnDepthwise: BatchNormParams;
  /** [1, 1, c, side] */
  merge: tf.Tensor4D;
  bnMerge: BatchNormParams;
  /** [3, 3, side, side] */
  conv: tf.Tensor4D;
  bnConv: BatchNormParams;
  /** [1, 1, side, c] */
  evolve: tf.Tensor4D;
  bnEvolve: BatchNormParams;
}

/** Attributes of {@link mergeEvolve}. */
export interface MergeEvolveOptions {
  /** strides of the 3×3 convolution, those of the residual branch */
  strides: 1 | 2;
  /** normalise with the batch's statistics and update the running ones; default false */
  training?: boolean;
}

/**
 * Merge-evolve branch of an ME unit and its gating of the residual branch:
 * `bnDepthwise(residual) · σ(bnEvolve(evolve(relu(bnConv(conv(relu(bnMerge(merge(h)))))))))`.
 * @param h shuffled activations [N, H, W, c], float32
 * @param residual depthwise convolution of `h`, not normalised, [N, ⌈H/s⌉, ⌈W/s⌉, c]
 * @returns the gated residual branch, shaped as `residual`
 * @throws InputError for wrong shapes, types or attributes and for disposed tensors
 * @see MENet, arXiv:1803.09127
 */
export function mergeEvolve(
  h: tf.Tensor4D,
  residual: tf.Tensor4D,
  params: MergeEvolveParams,
  options: MergeEvolveOptions,
): tf.Tensor4D {
  const op = 'mergeEvolve';
  checkArguments(op, params, options);
  checkTensor(`${op}: h`, h, ['N', 'H', 'W', 'c']);
  checkChoice(`${op}: strides`, options.strides, [1, 2]);
  const [batch, height, width, channels] = h.shape;
  const outputSize = [height, width].map((size) => Math.ceil(size / options.strides));
  checkTensor(`${op}: residual`, residual, [batch, ...outputSize, channels]);
  checkMergeEvolveParams(op, params, channels, options.training ?? false);
  return runUnit({
    op: 'MergeEvolve',
    activations: [h, residual],
    parameters: branchParameters(params),
    options,
    reference: () => mergeEvolveReference(h, residual, params, options),
  });
}

/** Checks the branch's weights for a bottleneck of `channels` channels. */
export function checkMergeEvolveParams(
  op: string,
  params: MergeEvolveParams,
  channels: number,
  training: boolean,
): void {
  checkTensor(`${op}: merge`, params.merge, [1, 1, channels, 'side']);
  const side = params.merge.shape[3];
  checkTensor(`${op}: conv`, params.conv, [3, 3, side, side]);
  checkTensor(`${op}: evolve`, params.evolve, [1, 1, side, channels]);
  checkBatchNorm(`${op}: bnDepthwise`, params.bnDepthwise, channels, training);
  checkBatchNorm(`${op}: bnMerge`, params.bnMerge, side, training);
  checkBatchNorm(`${op}: bnConv`, params.bnConv, side, training);
  checkBatchNorm(`${op}: bnEvolve`, params.bnEvolve, channels, training);
}

/** {@link mergeEvolve} from stock ops. */
export function mergeEvolveReference(
  h: tf.Tensor4D,
  residual: tf.Tensor4D,
  params: MergeEvolveParams,
  { strides, training = false }: MergeEvolveOptions,
): tf.Tensor4D {
  const merged = tf.conv2d(h, params.merge, 1, 'valid');
  const mergedActive = tf.relu(batchNormReference(merged, params.bnMerge, training));
  const [padded, padding] = padOne(mergedActive);
  const mixed = tf.conv2d(padded, params.conv, strides, padding);
  const mixedActive = tf.relu(batchNormReference(mixed, params.bnConv, training));
  const evolved = tf.conv2d(mixedActive, params.evolve, 1, 'valid');
  const gate = tf.sigmoid(batchNormReference(evolved, params.bnEvolve, training));
  return tf.mul(batchNormReference(residual, params.bnDepthwise, training), gate);
}
