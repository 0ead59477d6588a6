import * as tf from '@tensorflow/tfjs';
import { reject } from '../errors.js';
import {
  checkNotNegative,
  checkUpdate,
  decayedGradient,
  runInPlace,
  type UpdateOptions,
} from './multi_tensor.js';

export interface SgdOptions extends UpdateOptions {
  momentum: number;
  nesterov: boolean;
}

/**
 * One step of stochastic gradient descent, in place, as torch.optim.SGD defines it
 * (dampening 0): with g = gradientScale * gradient + weightDecay * p,
 *
 *     v = momentum * v + g
 *     p = p - learningRate * (nesterov ? g + momentum * v : v)
 *
 * Without momentum p = p - learningRate * g, and `momenta` is empty.
 * @param parameters trainable variables of any shape
 * @param gradients one per parameter, of its shape
 * @param momenta one per parameter, of its shape, zeros before the first step; updated in place
 * @throws InputError naming the argument, the expected and the received
 */
export function sgdUpdate(
  parameters: readonly tf.Variable[],
  gradients: readonly tf.Tensor[],
  momenta: readonly tf.Variable[],
  options: SgdOptions,
): void {
  const { momentum, nesterov } = options;
  checkNotNegative('sgdUpdate', { momentum });
  if (nesterov && momentum === 0) reject('sgdUpdate: momentum', 'more than 0 for nesterov', 0);
  if (momentum === 0 && momenta.length > 0)
    reject('sgdUpdate: momenta', 'none without momentum', momenta.length);
  const lists = { gradients, ...(momentum > 0 && { momenta }) };
  const gradientScale = checkUpdate('sgdUpdate', parameters, lists, options);
  const attributes = { ...options, gradientScale };
  if (!runInPlace('SgdUpdate', [parameters, momenta], gradients, attributes))
    sgdUpdateReference(parameters, gradients, momenta, options);
}

/** {@link sgdUpdate} from stock ops. */
export function sgdUpdateReference(
  parameters: readonly tf.Variable[],
  gradients: readonly tf.Tensor[],
  momenta: readonly tf.Variable[],
  options: SgdOptions,
): void {
  const { learningRate, momentum, nesterov } = options;
  parameters.forEach((parameter, i) => {
    tf.tidy(() => {
      const gradient = decayedGradient(gradients[i]!, parameter, options);
      const velocity = momenta[i];
      let direction = gradient;
      if (velocity) {
        velocity.assign(velocity.mul(momentum).add(gradient));
        direction = nesterov ? gradient.add(velocity.mul(momentum)) : velocity;
      }
      parameter.assign(parameter.sub(direction.mul(learningRate)));
    });
  });
}
