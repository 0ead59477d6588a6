import * as tf from '@tensorflow/tfjs';
import { currentMenetBackend } from '../backend/menet_backend.js';
import { reject } from '../errors.js';
import { checkTensor } from './checks.js';

export interface SgdOptions {
  learningRate: number;
  momentum: number;
  /** Added to the gradient as `weightDecay * parameter`. */
  weightDecay: number;
  nesterov: boolean;
}

/**
 * One step of stochastic gradient descent, in place, as torch.optim.SGD defines it
 * (dampening 0): with g = gradient + weightDecay * p,
 *
 *     v = momentum * v + g
 *     p = p - learningRate * (nesterov ? g + momentum * v : v)
 *
 * Without momentum p = p - learningRate * g, and `momenta` is empty.
 * @param parameters trainable variables of any shape
 * @param gradients one per parameter, of its shape
 * @param momenta one per parameter, of its shape, zeros before the first step; updated in place
 */
export function sgdUpdate(
  parameters: readonly tf.Variable[],
  gradients: readonly tf.Tensor[],
  momenta: readonly tf.Variable[],
  options: SgdOptions,
): void {
  check(parameters, gradients, momenta, options);
  const backend = currentMenetBackend();
  if (backend === undefined) return sgdUpdateReference(parameters, gradients, momenta, options);
  const updated = [...parameters, ...momenta].map((variable) => backend.writable(variable));
  const inputs = [
    ...updated.slice(0, parameters.length),
    ...gradients,
    ...updated.slice(parameters.length),
  ];
  backend.run('SgdUpdate', inputs, { ...options });
}

/** {@link sgdUpdate} from stock ops. */
export function sgdUpdateReference(
  parameters: readonly tf.Variable[],
  gradients: readonly tf.Tensor[],
  momenta: readonly tf.Variable[],
  { learningRate, momentum, weightDecay, nesterov }: SgdOptions,
): void {
  parameters.forEach((parameter, i) => {
    tf.tidy(() => {
      const gradient = gradients[i] as tf.Tensor;
      const decayed = weightDecay ? gradient.add(parameter.mul(weightDecay)) : gradient;
      const velocity = momenta[i];
      let direction = decayed;
      if (velocity) {
        velocity.assign(velocity.mul(momentum).add(decayed));
        direction = nesterov ? decayed.add(velocity.mul(momentum)) : velocity;
      }
      parameter.assign(parameter.sub(direction.mul(learningRate)));
    });
  });
}

function check(
  parameters: readonly tf.Variable[],
  gradients: readonly tf.Tensor[],
  momenta: readonly tf.Variable[],
  { learningRate, momentum, weightDecay, nesterov }: SgdOptions,
): void {
  const slots = momentum > 0 ? parameters.length : 0;
  if (gradients.length !== parameters.length)
    reject('sgdUpdate: gradients', `${parameters.length} tensors`, gradients.length);
  if (momenta.length !== slots) reject('sgdUpdate: momenta', `${slots} variables`, momenta.length);
  if (!(learningRate >= 0)) reject('sgdUpdate: learningRate', 'a number >= 0', learningRate);
  if (!(momentum >= 0)) reject('sgdUpdate: momentum', 'a number >= 0', momentum);
  if (!(weightDecay >= 0)) reject('sgdUpdate: weightDecay', 'a number >= 0', weightDecay);
  if (nesterov && momentum === 0) reject('sgdUpdate: momentum', 'more than 0 for nesterov', 0);
  parameters.forEach(({ shape }, i) => {
    checkTensor(`sgdUpdate: gradients[${i}]`, gradients[i], shape);
    if (slots > 0) checkTensor(`sgdUpdate: momenta[${i}]`, momenta[i], shape);
  });
}
