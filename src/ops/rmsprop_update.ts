import * as tf from '@tensorflow/tfjs';
import {
  checkFractions,
  checkNotNegative,
  checkUpdate,
  decayedGradient,
  runInPlace,
  type UpdateOptions,
} from './multi_tensor.js';

export interface RmspropOptions extends UpdateOptions {
  /** Decay of the averages. */
  alpha: number;
  epsilon: number;
  momentum: number;
  /** Divides by the standard deviation of gradients instead of their root mean square. */
  centered: boolean;
}

/** One variable per parameter in each, of its shape, zeros before the first step. */
export interface RmspropSlots {
  squareAverages: readonly tf.Variable[];
  /** Empty unless centred. */
  gradientAverages: readonly tf.Variable[];
  /** Empty without momentum. */
  momenta: readonly tf.Variable[];
}

/**
 * One step of RMSprop, in place, as torch.optim.RMSprop defines it: with
 * g = gradientScale * gradient + weightDecay * p,
 *
 *     s = alpha * s + (1 - alpha) * g^2
 *     m = alpha * m + (1 - alpha) * g                  centred
 *     d = g / (sqrt(centred ? s - m^2 : s) + epsilon)
 *     v = momentum * v + d                             with momentum
 *     p = p - learningRate * (momentum > 0 ? v : d)
 *
 * A variance s - m^2 below zero, which rounding can make, counts as zero.
 * @param parameters trainable variables of any shape
 * @param gradients one per parameter, of its shape
 * @param slots s, m and v; updated in place
 * @throws InputError naming the argument, the expected and the received
 */
export function rmspropUpdate(
  parameters: readonly tf.Variable[],
  gradients: readonly tf.Tensor[],
  slots: RmspropSlots,
  options: RmspropOptions,
): void {
  const { alpha, epsilon, momentum, centered } = options;
  const { squareAverages, gradientAverages, momenta } = slots;
  checkFractions('rmspropUpdate', { alpha });
  checkNotNegative('rmspropUpdate', { epsilon, momentum });
  const updated = {
    squareAverages,
    ...(centered && { gradientAverages }),
    ...(momentum > 0 && { momenta }),
  };
  const lists = { gradients, ...updated };
  const gradientScale = checkUpdate('rmspropUpdate', parameters, lists, options);
  const attributes = { ...options, gradientScale };
  if (!runInPlace('RmspropUpdate', [parameters, ...Object.values(updated)], gradients, attributes))
    rmspropUpdateReference(parameters, gradients, slots, options);
}

/** {@link rmspropUpdate} from stock ops. */
export function rmspropUpdateReference(
  parameters: readonly tf.Variable[],
  gradients: readonly tf.Tensor[],
  { squareAverages, gradientAverages, momenta }: RmspropSlots,
  options: RmspropOptions,
): void {
  const { learningRate, alpha, epsilon, momentum, centered } = options;
  parameters.forEach((parameter, i) => {
    tf.tidy(() => {
      const gradient = decayedGradient(gradients[i]!, parameter, options);
      const square = squareAverages[i]!;
      square.assign(square.mul(alpha).add(gradient.square().mul(1 - alpha)));
      let variance: tf.Tensor = square;
      if (centered) {
        const mean = gradientAverages[i]!;
        mean.assign(mean.add(gradient.sub(mean).mul(1 - alpha)));
        variance = square.sub(mean.square()).relu();
      }
      let direction = gradient.div(variance.sqrt().add(epsilon));
      if (momentum > 0) {
        const velocity = momenta[i]!;
        velocity.assign(velocity.mul(momentum).add(direction));
        direction = velocity;
      }
      parameter.assign(parameter.sub(direction.mul(learningRate)));
    });
  });
}
