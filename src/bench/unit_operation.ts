import type * as tf from '@tensorflow/tfjs';
import {
  groupConvShuffleDepthwise,
  groupConvShuffleDepthwiseReference,
  type UnitOptions,
} from '../ops/group_conv_shuffle_depthwise.js';
import { meUnit, meUnitReference } from '../ops/me_unit.js';
import { mergeEvolve, mergeEvolveReference } from '../ops/merge_evolve.js';
import { shuffleUnit, shuffleUnitReference } from '../ops/shuffle_unit.js';
import type { UnitCase } from './cases.js';
import { batchNorm, type Operation, trainable } from './operation.js';
import type { Random } from './random.js';

/** One of the unit operations at a network's shapes. */
export function unitOperation(c: UnitCase, random: Random, fused: boolean): Operation {
  const x = random.tensor<tf.Rank.R4>([c.batch, c.size, c.size, c.inputChannels]);
  switch (c.op) {
    case 'groupConvShuffleDepthwise': {
      const op = fused ? groupConvShuffleDepthwise : groupConvShuffleDepthwiseReference;
      return operation(op, c, x, openingParams(c, random));
    }
    case 'mergeEvolve':
      return mergeEvolveOperation(c, random, fused);
    case 'meUnit': {
      const params = {
        ...openingParams(c, random),
        ...branchParams(c, random),
        ...closingParams(c, random),
      };
      return operation(fused ? meUnit : meUnitReference, c, x, params);
    }
    case 'shuffleUnit': {
      const params = {
        ...openingParams(c, random),
        bnDepthwise: batchNorm(random, c.channels / 4),
        ...closingParams(c, random),
      };
      return operation(fused ? shuffleUnit : shuffleUnitReference, c, x, params);
    }
  }
}

function operation<P extends object>(
  op: (x: tf.Tensor4D, params: P, options: UnitOptions) => tf.Tensor4D,
  { groups, strides }: UnitCase,
  x: tf.Tensor4D,
  params: P,
): Operation {
  return {
    call: (training) => op(x, params, { groups, strides, training }),
    inputs: [x, ...trainable(params)],
  };
}

/** Reads what the unit's opening gives: shuffled activations, and their depthwise convolution. */
function mergeEvolveOperation(c: UnitCase, random: Random, fused: boolean): Operation {
  const { batch, size, strides } = c;
  const width = c.channels / 4;
  const h = random.tensor<tf.Rank.R4>([batch, size, size, width]);
  const residual = random.tensor<tf.Rank.R4>([batch, size / strides, size / strides, width]);
  const params = branchParams(c, random);
  const op = fused ? mergeEvolve : mergeEvolveReference;
  return {
    call: (training) => op(h, residual, params, { strides, training }),
    inputs: [h, residual, ...trainable(params)],
  };
}

function openingParams(c: UnitCase, random: Random) {
  const width = c.channels / 4;
  const groupWidth = c.inputChannels / c.compressGroups;
  return {
    compress: random.weights([1, 1, groupWidth, width], groupWidth),
    bnCompress: batchNorm(random, width),
    depthwise: random.weights([3, 3, width, 1], 9),
  };
}

function branchParams({ channels, side }: UnitCase, random: Random) {
  const width = channels / 4;
  return {
    bnDepthwise: batchNorm(random, width),
    merge: random.weights([1, 1, width, side], width),
    bnMerge: batchNorm(random, side),
    conv: random.weights([3, 3, side, side], 9 * side),
    bnConv: batchNorm(random, side),
    evolve: random.weights([1, 1, side, width], side),
    bnEvolve: batchNorm(random, width),
  };
}

function closingParams(c: UnitCase, random: Random) {
  const expanded = c.strides === 2 ? c.channels - c.inputChannels : c.channels;
  const groupWidth = c.channels / 4 / c.groups;
  return {
    expand: random.weights([1, 1, groupWidth, expanded], groupWidth),
    bnExpand: batchNorm(random, expanded),
  };
}
