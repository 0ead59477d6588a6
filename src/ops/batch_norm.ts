import * as tf from '@tensorflow/tfjs';
import { checkTensor, mismatch } from './checks.js';

/** Added to the variance before the square root. */
export const BATCH_NORM_EPSILON = 1e-5;

/** Share of the batch's statistics in the new running ones. */
export const BATCH_NORM_MOMENTUM = 0.1;

/**
 * Batch normalisation of C channels, every tensor of shape [C]. `mean` and `variance` are the
 * running statistics: used in inference form; in training form they must be variables and are
 * updated in place.
 */
export interface BatchNormParams {
  scale: tf.Tensor1D;
  offset: tf.Tensor1D;
  mean: tf.Tensor1D;
  variance: tf.Tensor1D;
}

/** The tensors in the order of the native ops' inputs. */
export const batchNormTensors = (params: BatchNormParams): tf.Tensor1D[] => [
  params.scale,
  params.offset,
  params.mean,
  params.variance,
];

/** What training updates in place. */
export const runningStatistics = ({ mean, variance }: BatchNormParams): tf.Variable[] => [
  mean as tf.Variable,
  variance as tf.Variable,
];

/** Checks the parameters of a batch normalisation over `channels` channels. */
export function checkBatchNorm(
  where: string,
  params: BatchNormParams,
  channels: number,
  training: boolean,
): void {
  for (const name of ['scale', 'offset', 'mean', 'variance'] as const) {
    checkTensor(`${where}.${name}`, params?.[name], [channels]);
  }
  if (!training) return;
  for (const name of ['mean', 'variance'] as const) {
    if (!(params[name] instanceof tf.Variable)) {
      mismatch(`${where}.${name}`, 'a tf.Variable to update in training form', 'a constant tensor');
    }
  }
}

/**
 * Batch normalisation of `x` [N, H, W, C] from stock ops. Training form normalises with the
 * batch's biased variance and moves the running statistics towards the batch's mean and unbiased
 * variance; a batch of one value per channel counts as variance 0. Differentiable in `x`, `scale`
 * and `offset`.
 * @see Ioffe and Szegedy, "Batch Normalization", 2015
 */
export function batchNormReference(
  x: tf.Tensor4D,
  params: BatchNormParams,
  training: boolean,
): tf.Tensor4D {
  const { scale, offset } = params;
  if (!training) {
    return tf.batchNorm(x, params.mean, params.variance, offset, scale, BATCH_NORM_EPSILON);
  }
  const moments = tf.moments(x, [0, 1, 2]);
  const variance = moments.variance as tf.Tensor1D;
  const mean = trackStatistics(moments.mean as tf.Tensor1D, variance, params, x.size / scale.size);
  return tf.batchNorm(x, mean, variance, offset, scale, BATCH_NORM_EPSILON);
}

/**
 * Returns `mean`; on the way moves the running statistics. The body of a custom gradient is not
 * recorded by the tape, so the update costs the backward pass nothing.
 */
function trackStatistics(
  mean: tf.Tensor1D,
  variance: tf.Tensor1D,
  params: BatchNormParams,
  count: number,
): tf.Tensor1D {
  const unbiased = count / Math.max(count - 1, 1);
  const track = tf.customGrad((batchMean) => {
    moveTowards(params.mean, batchMean as tf.Tensor1D);
    moveTowards(params.variance, tf.mul(variance, unbiased));
    return { value: tf.clone(batchMean as tf.Tensor), gradFunc: (dy: tf.Tensor) => dy };
  });
  return track(mean) as tf.Tensor1D;
}

function moveTowards(running: tf.Tensor1D, batch: tf.Tensor1D): void {
  const kept = tf.mul(running, 1 - BATCH_NORM_MOMENTUM);
  (running as tf.Variable<tf.Rank.R1>).assign(tf.add(kept, tf.mul(batch, BATCH_NORM_MOMENTUM)));
}
