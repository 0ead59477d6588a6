import * as tf from '@tensorflow/tfjs';
import type { BatchNormParams } from '../ops/batch_norm.js';
import { depthwiseSeparable, depthwiseSeparableReference } from '../ops/depthwise_separable.js';
import { softmaxCrossEntropy, softmaxCrossEntropyReference } from '../ops/softmax_cross_entropy.js';
import { stem, stemReference } from '../ops/stem.js';
import type { LossCase, SeparableCase, StemCase } from './cases.js';
import type { Random } from './random.js';

/** An operation on tensors of its own, with those it is differentiated by. */
export interface Operation {
  call(training: boolean): tf.Tensor;
  inputs: tf.Tensor[];
}

export function separableOperation(c: SeparableCase, random: Random, fused: boolean): Operation {
  const { batch, size, inChannels, outChannels, strides } = c;
  const x = random.tensor<tf.Rank.R4>([batch, size, size, inChannels]);
  const params = {
    depthwise: random.weights([3, 3, inChannels, 1], 9),
    bnDepthwise: batchNorm(random, inChannels),
    pointwise: random.weights([1, 1, inChannels, outChannels], inChannels),
    bnPointwise: batchNorm(random, outChannels),
  };
  const op = fused ? depthwiseSeparable : depthwiseSeparableReference;
  return {
    call: (training) => op(x, params, { strides, training }),
    inputs: [x, ...trainable(params)],
  };
}

export function stemOperation(c: StemCase, random: Random, fused: boolean): Operation {
  const x = random.tensor<tf.Rank.R4>([c.batch, c.size, c.size, 3]);
  const conv = random.weights([3, 3, 3, c.channels], 27);
  const params = { conv, bn: batchNorm(random, c.channels) };
  const op = fused ? stem : stemReference;
  return { call: (training) => op(x, params, { training }), inputs: [x, ...trainable(params)] };
}

export function lossOperation(c: LossCase, random: Random, fused: boolean): Operation {
  const logits = random.tensor<tf.Rank.R2>([c.batch, c.classes], 5);
  const labels = tf.tensor1d(
    Array.from({ length: c.batch }, (_, i) => (i * 37) % c.classes),
    'int32',
  );
  const op = fused ? softmaxCrossEntropy : softmaxCrossEntropyReference;
  return { call: () => op(logits, labels), inputs: [logits] };
}

/** Batch normalisation, whose running statistics the training form may update. */
export function batchNorm(random: Random, channels: number): BatchNormParams {
  const vector = (spread: number, center: number) =>
    random.tensor<tf.Rank.R1>([channels], spread, center);
  return {
    scale: vector(0.1, 1),
    offset: vector(0.1, 0),
    mean: tf.variable(vector(0.1, 0), false),
    variance: tf.variable(vector(0.3, 1), false),
  };
}

/** Every weight of an operation's parameters, without running statistics. */
export function trainable(params: object): tf.Tensor[] {
  return Object.values(params).flatMap((value: tf.Tensor | BatchNormParams) =>
    value instanceof tf.Tensor ? [value] : [value.scale, value.offset],
  );
}
