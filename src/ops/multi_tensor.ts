import * as tf from '@tensorflow/tfjs';
import { currentFusedOps, type OpAttributes } from './fused_ops.js';
import { reject } from '../errors.js';
import { checkTensor } from './checks.js';

/**
 * Runs a native op that updates many variables at once; its inputs are the lists of variables,
 * then the tensors that it only reads.
 * @returns whether it could: false where native ops do not run
 */
export function runInPlace(
  op: string,
  updated: readonly (readonly tf.Variable[])[],
  read: readonly tf.Tensor[],
  attributes: OpAttributes,
): boolean {
  const ops = currentFusedOps();
  if (ops === undefined) return false;
  const written = updated.flat();
  tf.dispose(ops.runFused(op, [...written, ...read], attributes, written));
  return true;
}

/**
 * Checks that each list holds a float32 tensor for each of `tensors`, of its shape.
 * @param lists by the name of the argument
 * @throws InputError naming op, argument, expected and received
 */
export function checkLists(
  op: string,
  tensors: readonly tf.Tensor[],
  lists: Readonly<Record<string, readonly tf.Tensor[]>>,
): void {
  for (const [name, list] of Object.entries(lists)) {
    if (list.length !== tensors.length)
      reject(`${op}: ${name}`, `${tensors.length} tensors`, list.length);
    tensors.forEach(({ shape }, i) => checkTensor(`${op}: ${name}[${i}]`, list[i], shape));
  }
}

/** Checks that numbers are finite and at least 0. */
export function checkNotNegative(op: string, numbers: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(numbers)) {
    if (!(value >= 0 && value < Infinity)) reject(`${op}: ${name}`, 'a number >= 0', value);
  }
}

/** Checks that numbers are at least 0 and less than 1. */
export function checkFractions(op: string, numbers: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(numbers)) {
    if (!(value >= 0 && value < 1)) reject(`${op}: ${name}`, 'a number from 0 to below 1', value);
  }
}

/** What every optimizer's step takes. */
export interface UpdateOptions {
  learningRate: number;
  /** Added to the gradient as `weightDecay * parameter`, unless the optimizer says otherwise. */
  weightDecay: number;
  /** What gradients are multiplied by first, as clipping wants it; default 1. */
  gradientScale?: number;
}

/** Checks an optimizer's lists and what every optimizer has; returns the gradients' scale. */
export function checkUpdate(
  op: string,
  parameters: readonly tf.Variable[],
  lists: Readonly<Record<string, readonly tf.Tensor[]>>,
  { learningRate, weightDecay, gradientScale = 1 }: UpdateOptions,
): number {
  checkLists(op, parameters, { parameters, ...lists });
  checkNotNegative(op, { learningRate, weightDecay, gradientScale });
  return gradientScale;
}

/** A gradient as an optimizer takes it: scaled, and with the decay of its parameter. */
export function decayedGradient(
  gradient: tf.Tensor,
  parameter: tf.Tensor,
  { weightDecay, gradientScale = 1 }: UpdateOptions,
): tf.Tensor {
  const scaled = gradientScale === 1 ? gradient : gradient.mul(gradientScale);
  return weightDecay === 0 ? scaled : scaled.add(parameter.mul(weightDecay));
}
