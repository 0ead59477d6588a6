import * as tf from '@tensorflow/tfjs';
import { reject } from '../errors.js';
import { checkGroups, checkTensor } from './checks.js';

/** Number of groups in which weights [1, 1, Cin/g, Cout] convolve `inChannels` channels. */
export function convGroups(inChannels: number, weights: tf.Tensor4D): number {
  return inChannels / weights.shape[2];
}

/** Checks grouped 1×1 weights [1, 1, Cin/g, Cout] that read `inChannels` channels. */
export function checkGroupedConv(where: string, weights: tf.Tensor4D, inChannels: number): void {
  checkTensor(where, weights, [1, 1, 'Cin/g', 'Cout']);
  const [, , groupIn, outChannels] = weights.shape;
  if (inChannels % groupIn !== 0) {
    reject(where, `Cin/g that divides the ${inChannels} input channels`, groupIn);
  }
  checkGroups(`${where}: groups`, inChannels / groupIn, outChannels);
}

/**
 * 1×1 convolution in groups, from stock ops.
 * @param x activations [N, H, W, Cin]
 * @param weights [1, 1, Cin/g, Cout]; group j makes channels j·Cout/g to (j+1)·Cout/g - 1
 * @returns [N, H, W, Cout]
 */
export function groupedConvReference(x: tf.Tensor4D, weights: tf.Tensor4D): tf.Tensor4D {
  const groups = convGroups(x.shape[3], weights);
  if (groups === 1) return tf.conv2d(x, weights, 1, 'valid');
  const inputs = tf.split(x, groups, 3);
  const filters = tf.split(weights, groups, 3);
  const outputs = inputs.map((input, j) =>
    tf.conv2d(input as tf.Tensor4D, filters[j] as tf.Tensor4D, 1, 'valid'),
  );
  return tf.concat(outputs, 3);
}
