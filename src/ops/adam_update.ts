import * as tf from '@tensorflow/tfjs';
import { currentMenetBackend } from '../backend/menet_backend.js';
import { reject } from '../errors.js';
import { mismatch } from './checks.js';
import {
  checkFractions,
  checkNotNegative,
  checkUpdate,
  decayedGradient,
  runInPlace,
  type UpdateOptions,
} from './multi_tensor.js';

export interface AdamOptions extends UpdateOptions {
  /** Decays of the averages of gradients and of their squares. */
  betas: readonly [number, number];
  epsilon: number;
  /** AdamW: decay shrinks the parameters by learningRate * weightDecay and leaves gradients alone. */
  decoupled: boolean;
  /** Number of this step, from 1. */
  step: number;
}

/** One variable per parameter in each, of its shape, zeros before the first step. */
export interface AdamSlots {
  averages: readonly tf.Variable[];
  squareAverages: readonly tf.Variable[];
}

/**
 * One step of Adam or, decoupled, AdamW, in place, as torch.optim.Adam and AdamW define them: with
 * g = gradientScale * gradient + weightDecay * p (decoupled: without the decay, and
 * p = p - learningRate * weightDecay * p first),
 *
 *     m = beta1 * m + (1 - beta1) * g
 *     s = beta2 * s + (1 - beta2) * g^2
 *     p = p - learningRate * m / (1 - beta1^step) / (sqrt(s / (1 - beta2^step)) + epsilon)
 *
 * @param parameters trainable variables of any shape
 * @param gradients one per parameter, of its shape
 * @param slots m and s; updated in place
 * @throws InputError naming the argument, the expected and the received
 */
export function adamUpdate(
  parameters: readonly tf.Variable[],
  gradients: readonly tf.Tensor[],
  slots: AdamSlots,
  options: AdamOptions,
): void {
  const { betas, epsilon, step, ...rest } = options;
  const [beta1, beta2] = betas;
  checkFractions('adamUpdate', { 'betas[0]': beta1, 'betas[1]': beta2 });
  checkNotNegative('adamUpdate', { epsilon });
  if (!(Number.isInteger(step) && step > 0)) reject('adamUpdate: step', 'an integer from 1', step);
  // A plan would go on with the corrections of this step.
  if (currentMenetBackend()?.recording) mismatch('adamUpdate', 'an eager run', 'one in a plan');
  const { averages, squareAverages } = slots;
  const lists = { gradients, averages, squareAverages };
  const gradientScale = checkUpdate('adamUpdate', parameters, lists, options);
  const [correction1, correction2] = corrections(options);
  const attributes = { ...rest, gradientScale, beta1, beta2, epsilon, correction1, correction2 };
  if (!runInPlace('AdamUpdate', [parameters, averages, squareAverages], gradients, attributes))
    adamUpdateReference(parameters, gradients, slots, options);
}

/** {@link adamUpdate} from stock ops. */
export function adamUpdateReference(
  parameters: readonly tf.Variable[],
  gradients: readonly tf.Tensor[],
  { averages, squareAverages }: AdamSlots,
  options: AdamOptions,
): void {
  const { learningRate, betas, epsilon, decoupled, weightDecay } = options;
  const [correction1, correction2] = corrections(options);
  const coupled = decoupled ? { ...options, weightDecay: 0 } : options;
  parameters.forEach((parameter, i) => {
    tf.tidy(() => {
      const gradient = decayedGradient(gradients[i]!, parameter, coupled);
      const mean = averages[i]!;
      const square = squareAverages[i]!;
      mean.assign(mean.add(gradient.sub(mean).mul(1 - betas[0])));
      square.assign(square.mul(betas[1]).add(gradient.square().mul(1 - betas[1])));
      const kept = decoupled ? parameter.mul(1 - learningRate * weightDecay) : parameter;
      const deviation = square.sqrt().div(Math.sqrt(correction2)).add(epsilon);
      parameter.assign(kept.sub(mean.mul(learningRate / correction1).div(deviation)));
    });
  });
}

/** What averages that begin at zero are short of: 1 - beta ** step. */
function corrections({ betas, step }: AdamOptions): [number, number] {
  return [1 - betas[0] ** step, 1 - betas[1] ** step];
}
