import * as tf from '@tensorflow/tfjs';
import { type BatchNormParams, batchNormReference, checkBatchNorm } from './batch_norm.js';
import { checkTensor } from './checks.js';

/** Weights of {@link stem}. */
export interface StemParams {
  /** [3, 3, 3, C] */
  conv: tf.Tensor4D;
  bn: BatchNormParams;
}

/**
 * The networks' first layers: 3×3 convolution with strides 2 and padding 1, batch norm, relu,
 * 3×3 max pooling with strides 2 and padding 1.
 * @param x normalised images [N, H, W, 3], float32
 * @param options training: normalise with the batch's statistics and update the running ones
 * @returns [N, ⌈⌈H/2⌉/2⌉, ⌈⌈W/2⌉/2⌉, C]
 * @throws InputError for wrong shapes or types and for disposed tensors
 */
export function stem(
  x: tf.Tensor4D,
  params: StemParams,
  options: { training?: boolean } = {},
): tf.Tensor4D {
  checkTensor('stem: x', x, ['N', 'H', 'W', 3]);
  checkTensor('stem: conv', params.conv, [3, 3, 3, 'C']);
  checkBatchNorm('stem: bn', params.bn, params.conv.shape[3], options.training ?? false);
  return tf.tidy(() => stemReference(x, params, options));
}

/** {@link stem} from stock ops. */
export function stemReference(
  x: tf.Tensor4D,
  { conv, bn }: StemParams,
  { training = false }: { training?: boolean } = {},
): tf.Tensor4D {
  const normalised = batchNormReference(tf.conv2d(x, conv, 2, 1), bn, training);
  return tf.maxPool(tf.relu(normalised), 3, 2, 1);
}
