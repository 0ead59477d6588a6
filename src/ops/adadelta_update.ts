import * as tf from '@tensorflow/tfjs';
import {
  checkFractions,
  checkNotNegative,
  checkUpdate,
  decayedGradient,
  runInPlace,
  type UpdateOptions,
} from './multi_tensor.js';

export interface AdadeltaOptions extends UpdateOptions {
  /** Decay of the averages. */
  rho: number;
  epsilon: number;
}

/** One variable per parameter in each, of its shape, zeros before the first step. */
export interface AdadeltaSlots {
  squareAverages: readonly tf.Variable[];
  accumulatedDeltas: readonly tf.Variable[];
}

/**
 * One step of Adadelta, in place, as torch.optim.Adadelta defines it: with
 * g = gradientScale * gradient + weightDecay * p,
 *
 *     s = rho * s + (1 - rho) * g^2
 *     d = g * sqrt(a + epsilon) / sqrt(s + epsilon)
 *     a = rho * a + (1 - rho) * d^2
 *     p = p - learningRate * d
 *
 * @param parameters trainable variables of any shape
 * @param gradients one per parameter, of its shape
 * @param slots s and a; updated in place
 * @throws InputError naming the argument, the expected and the received
 */
export function adadeltaUpdate(
  parameters: readonly tf.Variable[],
  gradients: readonly tf.Tensor[],
  slots: AdadeltaSlots,
  options: AdadeltaOptions,
): void {
  const { rho, epsilon } = options;
  checkFractions('adadeltaUpdate', { rho });
  checkNotNegative('adadeltaUpdate', { epsilon });
  const { squareAverages, accumulatedDeltas } = slots;
  const lists = { gradients, squareAverages, accumulatedDeltas };
  const gradientScale = checkUpdate('adadeltaUpdate', parameters, lists, options);
  const updated = [parameters, squareAverages, accumulatedDeltas];
  if (!runInPlace('AdadeltaUpdate', updated, gradients, { ...options, gradientScale }))
    adadeltaUpdateReference(parameters, gradients, slots, options);
}

/** {@link adadeltaUpdate} from stock ops. */
export function adadeltaUpdateReference(
  parameters: readonly tf.Variable[],
  gradients: readonly tf.Tensor[],
  { squareAverages, accumulatedDeltas }: AdadeltaSlots,
  options: AdadeltaOptions,
): void {
  const { learningRate, rho, epsilon } = options;
  parameters.forEach((parameter, i) => {
    tf.tidy(() => {
      const gradient = decayedGradient(gradients[i]!, parameter, options);
      const square = squareAverages[i]!;
      const accumulated = accumulatedDeltas[i]!;
      square.assign(square.mul(rho).add(gradient.square().mul(1 - rho)));
      const factor = accumulated.add(epsilon).sqrt().div(square.add(epsilon).sqrt());
      const delta = gradient.mul(factor);
      accumulated.assign(accumulated.mul(rho).add(delta.square().mul(1 - rho)));
      parameter.assign(parameter.sub(delta.mul(learningRate)));
    });
  });
}
