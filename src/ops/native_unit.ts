import * as tf from '@tensorflow/tfjs';
import { currentFusedOps, type FusedOps } from './fused_ops.js';
import { type BatchNormParams, batchNormTensors, runningStatistics } from './batch_norm.js';
import { type ExpandParams } from './expand_join.js';
import {
  type GroupConvShuffleDepthwiseParams,
  type UnitOptions,
} from './group_conv_shuffle_depthwise.js';
import { type MergeEvolveParams } from './merge_evolve.js';
import { inferenceForm, markTransient, runGradient } from './native_gradient.js';

/** A weight or a batch norm, in the order of the native ops' inputs (native/kernels/unit_call.h). */
export type Parameter = tf.Tensor | BatchNormParams;

export const compressParameters = (p: GroupConvShuffleDepthwiseParams): Parameter[] => [
  p.compress,
  p.bnCompress,
  p.depthwise,
];

export const branchParameters = (p: MergeEvolveParams): Parameter[] => [
  p.bnDepthwise,
  p.merge,
  p.bnMerge,
  p.conv,
  p.bnConv,
  p.evolve,
  p.bnEvolve,
];

export const expandParameters = (p: ExpandParams): Parameter[] => [p.expand, p.bnExpand];

export interface UnitInputs {
  /** what the unit reads: x, or h and the residual branch */
  activations: tf.Tensor4D[];
  parameters: Parameter[];
}

export interface NativeUnit extends UnitInputs {
  /** name of the native op */
  op: string;
  options: Omit<UnitOptions, 'groups'> & { groups?: number };
  /** the same from stock ops */
  reference: () => tf.Tensor4D;
}

/**
 * A unit by its native op on backend `menet`, by its reference elsewhere. Differentiable in the
 * activations, weights, scales and offsets.
 */
export function runUnit(unit: NativeUnit): tf.Tensor4D {
  const ops = currentFusedOps();
  if (ops === undefined) return tf.tidy(unit.reference);
  if (unit.options.training) return trainingForm(ops, unit);
  return inferenceForm(ops, unit.op, inputsOf(unit), attributesOf(unit), unit.reference);
}

function trainingForm(ops: FusedOps, unit: NativeUnit): tf.Tensor4D {
  const run = tf.customGrad((...args) => {
    const save = args.at(-1) as unknown as tf.GradSaveFunc;
    const updated = unit.parameters.flatMap((parameter) =>
      parameter instanceof tf.Tensor ? [] : runningStatistics(parameter),
    );
    const inputs = inputsOf(unit);
    const attributes = attributesOf(unit);
    const [y, ...rest] = ops.runFused(unit.op, inputs, attributes, updated) as [tf.Tensor];
    save([y, ...inputs, ...rest]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const gradients = runGradient(ops, `${unit.op}Grad`, dy, saved, attributes);
      unit.activations.forEach((_, i) => markTransient(gradients[i] as tf.Tensor));
      return gradients;
    };
    return { value: y, gradFunc };
  });
  return run(...differentiableOf(unit)) as tf.Tensor4D;
}

function attributesOf({ options: { groups = 1, strides, training = false } }: NativeUnit) {
  return { groups, strides, training };
}

/** Inputs of the native op, in order. */
export function inputsOf({ activations, parameters }: UnitInputs): tf.Tensor[] {
  const tensors = parameters.flatMap((parameter) =>
    parameter instanceof tf.Tensor ? [parameter] : batchNormTensors(parameter),
  );
  return [...activations, ...tensors];
}

/** Those that have a gradient, in the order of the native gradient's outputs. */
export function differentiableOf({ activations, parameters }: UnitInputs): tf.Tensor[] {
  const tensors = parameters.flatMap((parameter) =>
    parameter instanceof tf.Tensor ? [parameter] : [parameter.scale, parameter.offset],
  );
  return [...activations, ...tensors];
}
