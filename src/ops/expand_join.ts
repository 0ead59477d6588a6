import * as tf from '@tensorflow/tfjs';
import { reject } from '../errors.js';
import { type BatchNormParams, batchNormReference, checkBatchNorm } from './batch_norm.js';
import { checkGroupedConv, groupedConvReference } from './grouped_conv.js';

/** Weights that close a unit. */
export interface ExpandParams {
  /** [1, 1, c/g, Cout], Cout being the input's width where the unit keeps its size */
  expand: tf.Tensor4D;
  bnExpand: BatchNormParams;
}

/** Attributes that the end of a unit depends on. */
export interface ExpandOptions {
  strides: 1 | 2;
  training?: boolean;
}

/** Checks the weights that expand `channels` bottleneck channels and join `x`. */
export function checkExpandParams(
  op: string,
  x: tf.Tensor4D,
  channels: number,
  params: ExpandParams,
  { strides, training = false }: ExpandOptions,
): void {
  checkGroupedConv(`${op}: expand`, params.expand, channels);
  const expanded = params.expand.shape[3];
  if (strides === 1 && expanded !== x.shape[3]) {
    reject(`${op}: expand`, `Cout = Cin = ${x.shape[3]} with strides 1`, expanded);
  }
  checkBatchNorm(`${op}: bnExpand`, params.bnExpand, expanded, training);
}

/**
 * End of a unit: grouped 1×1 expansion of `q` [N, H', W', c], batch norm, and the join with the
 * unit's input `x`: added (strides 1), or average-pooled and concatenated (strides 2); then relu.
 */
export function expandJoinReference(
  x: tf.Tensor4D,
  q: tf.Tensor4D,
  { expand, bnExpand }: ExpandParams,
  { strides, training = false }: ExpandOptions,
): tf.Tensor4D {
  const expanded = batchNormReference(groupedConvReference(q, expand), bnExpand, training);
  if (strides === 1) return tf.relu(tf.add<tf.Tensor4D>(expanded, x));
  return tf.relu(tf.concat([expanded, averagePool(x)], 3));
}

/** 3×3 average pooling, strides 2, whose zero padding counts: tf.avgPool's own would not. */
function averagePool(x: tf.Tensor4D): tf.Tensor4D {
  const padded = tf.pad(x, [
    [0, 0],
    [1, 1],
    [1, 1],
    [0, 0],
  ]);
  return tf.avgPool(padded, 3, 2, 'valid');
}
