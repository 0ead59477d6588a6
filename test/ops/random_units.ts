import * as tf from '@tensorflow/tfjs';
import type { BatchNormParams } from '../../src/ops/batch_norm.js';
import type { DepthwiseSeparableParams } from '../../src/ops/depthwise_separable.js';
import type { UnitOptions } from '../../src/ops/group_conv_shuffle_depthwise.js';
import type { MeUnitParams } from '../../src/ops/me_unit.js';
import { generatedValues } from '../generated_values.js';

/** Sizes of a unit; the expansion makes `outChannels`, less the input's where strides are 2. */
export interface UnitShape {
  batch: number;
  height: number;
  width: number;
  inChannels: number;
  middle: number;
  outChannels: number;
  side: number;
  groups: number;
  /** groups of the first convolution, which need not be the shuffle's */
  compressGroups: number;
  strides: 1 | 2;
}

/** Units of the networks' kinds in small, and the odd ones: odd maps, one pixel, batch 1. */
export const unitShapes: UnitShape[] = [
  unitShape([2, 8, 8], [24, 6, 24, 4], 3, 1),
  unitShape([2, 7, 5], [24, 12, 48, 4], 3, 2),
  { ...unitShape([1, 9, 9], [12, 9, 36, 3], 3, 2), compressGroups: 1 },
  unitShape([1, 1, 1], [8, 4, 8, 2], 2, 1),
  unitShape([3, 1, 1], [8, 4, 16, 2], 2, 2),
  unitShape([2, 3, 4], [57, 57, 57, 5], 3, 1),
  unitShape([1, 4, 3], [5, 3, 5, 1], 1, 1),
  unitShape([2, 5, 5], [32, 16, 64, 8], 8, 2),
  unitShape([2, 6, 6], [16, 8, 16, 4], 4, 1),
];

function unitShape(
  [batch, height, width]: [number, number, number],
  [inChannels, middle, outChannels, side]: [number, number, number, number],
  groups: number,
  strides: 1 | 2,
): UnitShape {
  const compressGroups = groups;
  const maps = { batch, height, width };
  return { ...maps, inChannels, middle, outChannels, side, groups, compressGroups, strides };
}

/** A unit's input, parameters (all variables, fit for training form) and attributes. */
export interface RandomUnit {
  x: tf.Tensor4D;
  params: MeUnitParams;
  options: UnitOptions;
  dispose(): void;
}

/** Generates a unit's arguments; every seed gives other values. */
export function randomUnit(shape: UnitShape, seed = 1, training = true): RandomUnit {
  const { batch, height, width, inChannels, middle, outChannels, side, groups, strides } = shape;
  const made: tf.Tensor[] = [];
  let next = seed * 100;
  const values = (dims: number[], scale: number, offset = 0): tf.Variable => {
    const count = dims.reduce((product, size) => product * size, 1);
    const data = generatedValues(count, next++).map((value) => offset + scale * value);
    const variable = tf.tidy(() => tf.variable(tf.tensor(data, dims), true));
    made.push(variable);
    return variable;
  };
  const conv = (...dims: [number, number, number, number]) =>
    values(dims, Math.sqrt(3 / (dims[0] * dims[1] * dims[2]))) as tf.Variable<tf.Rank.R4>;
  const norm = (channels: number): BatchNormParams => ({
    scale: values([channels], 0.3, 1) as tf.Variable<tf.Rank.R1>,
    offset: values([channels], 0.3) as tf.Variable<tf.Rank.R1>,
    mean: values([channels], 0.2) as tf.Variable<tf.Rank.R1>,
    variance: values([channels], 0.3, 1) as tf.Variable<tf.Rank.R1>,
  });
  const expanded = strides === 2 ? outChannels - inChannels : outChannels;
  return {
    x: values([batch, height, width, inChannels], 1) as tf.Variable<tf.Rank.R4>,
    params: {
      compress: conv(1, 1, inChannels / shape.compressGroups, middle),
      bnCompress: norm(middle),
      depthwise: conv(3, 3, middle, 1),
      bnDepthwise: norm(middle),
      merge: conv(1, 1, middle, side),
      bnMerge: norm(side),
      conv: conv(3, 3, side, side),
      bnConv: norm(side),
      evolve: conv(1, 1, side, middle),
      bnEvolve: norm(middle),
      expand: conv(1, 1, middle / groups, expanded),
      bnExpand: norm(expanded),
    },
    options: { groups, strides, training },
    dispose: () => tf.dispose(made),
  };
}

/** Weights of MobileNet's block, from those of a unit: its depthwise convolution and its merge. */
export function separableParams(params: MeUnitParams): DepthwiseSeparableParams {
  const { depthwise, bnDepthwise, merge: pointwise, bnMerge: bnPointwise } = params;
  return { depthwise, bnDepthwise, pointwise, bnPointwise };
}
