import * as tf from '@tensorflow/tfjs';
import {
  depthwiseSeparable,
  depthwiseSeparableReference,
  separableParameters,
} from '../../src/ops/depthwise_separable.js';
import {
  groupConvShuffleDepthwise,
  groupConvShuffleDepthwiseReference,
} from '../../src/ops/group_conv_shuffle_depthwise.js';
import { meUnit, meUnitReference } from '../../src/ops/me_unit.js';
import { mergeEvolve, mergeEvolveReference } from '../../src/ops/merge_evolve.js';
import {
  branchParameters,
  compressParameters,
  expandParameters,
  type UnitInputs,
} from '../../src/ops/native_unit.js';
import { shuffleUnit, shuffleUnitReference } from '../../src/ops/shuffle_unit.js';
import { generatedValues } from '../generated_values.js';
import { type RandomUnit, randomUnit, separableParams, type UnitShape } from './random_units.js';

/** A unit op with generated arguments, fused and from stock ops. */
export interface UnitCase extends UnitInputs {
  fused: () => tf.Tensor4D;
  reference: () => tf.Tensor4D;
}

/** Each unit op, by the name of its native op. */
export const unitOps: Record<string, (unit: RandomUnit, shape: UnitShape) => UnitCase> = {
  GroupConvShuffleDepthwise: ({ x, params, options }) => ({
    activations: [x],
    parameters: compressParameters(params),
    fused: () => groupConvShuffleDepthwise(x, params, options),
    reference: () => groupConvShuffleDepthwiseReference(x, params, options),
  }),
  MergeEvolve: ({ params, options }, shape) => {
    const [h, residual] = branchActivations(shape);
    return {
      activations: [h, residual],
      parameters: branchParameters(params),
      fused: () => mergeEvolve(h, residual, params, options),
      reference: () => mergeEvolveReference(h, residual, params, options),
    };
  },
  DepthwiseSeparable: ({ params, options }, shape) => {
    const [x] = branchActivations(shape);
    const block = separableParams(params);
    return {
      activations: [x],
      parameters: separableParameters(block),
      fused: () => depthwiseSeparable(x, block, options),
      reference: () => depthwiseSeparableReference(x, block, options),
    };
  },
  ShuffleUnit: ({ x, params, options }) => ({
    activations: [x],
    parameters: [...compressParameters(params), params.bnDepthwise, ...expandParameters(params)],
    fused: () => shuffleUnit(x, params, options),
    reference: () => shuffleUnitReference(x, params, options),
  }),
  MeUnit: ({ x, params, options }) => ({
    activations: [x],
    parameters: [
      ...compressParameters(params),
      ...branchParameters(params),
      ...expandParameters(params),
    ],
    fused: () => meUnit(x, params, options),
    reference: () => meUnitReference(x, params, options),
  }),
};

/** Tensors of the current scope. */
function branchActivations({ batch, height, width, middle, strides }: UnitShape) {
  const half = (size: number) => Math.ceil(size / strides);
  const make = (seed: number, ...shape: [number, number, number, number]): tf.Tensor4D =>
    tf.tensor4d(generatedValues(tf.util.sizeFromShape(shape), seed), shape);
  return [
    make(901, batch, height, width, middle),
    make(902, batch, half(height), half(width), middle),
  ] as const;
}

/** Does something with an op of {@link unitOps} on a random unit, whose tensors go afterwards. */
export function withCase<T>(
  op: string,
  shape: UnitShape,
  training: boolean,
  seed: number,
  use: (unit: UnitCase) => T,
): T {
  const unit = randomUnit(shape, seed, training);
  let result: T;
  tf.tidy(() => {
    result = use(unitOps[op]!(unit, shape));
  });
  unit.dispose();
  return result!;
}
