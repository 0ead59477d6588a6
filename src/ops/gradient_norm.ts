import * as tf from '@tensorflow/tfjs';
import { currentFusedOps } from './fused_ops.js';
import { reject } from '../errors.js';
import { checkTensor } from './checks.js';

/**
 * The factor that brings the global L2 norm of gradients down to `maxNorm` where it is above, as
 * torch.nn.utils.clip_grad_norm_ defines it: min(1, maxNorm / (norm + 1e-6)). It is for an update's
 * `gradientScale`, so that clipping costs no pass of its own.
 * @param norm finite, as {@link gradientNorm} finds it
 * @throws InputError naming the argument, the expected and the received
 */
export function clippingScale(norm: number, maxNorm: number): number {
  if (!(norm >= 0 && norm < Infinity)) reject('clippingScale: norm', 'a number >= 0', norm);
  if (!(maxNorm > 0)) reject('clippingScale: maxNorm', 'a number > 0', maxNorm);
  return Math.min(1, maxNorm / (norm + 1e-6));
}

/**
 * The L2 norm of tensors taken as one vector: a scalar. Summed in double; any number of threads
 * gives the same bits.
 * @param gradients at least one, of any shapes
 * @throws InputError naming the argument, the expected and the received
 */
export function gradientNorm(gradients: readonly tf.Tensor[]): tf.Scalar {
  if (gradients.length === 0) reject('gradientNorm: gradients', 'at least one tensor', 0);
  gradients.forEach((gradient, i) =>
    checkTensor(`gradientNorm: gradients[${i}]`, gradient, gradient.shape),
  );
  const ops = currentFusedOps();
  if (ops === undefined) return gradientNormReference(gradients);
  return ops.runFused('GradientNorm', gradients)[0] as tf.Scalar;
}

/** {@link gradientNorm} from stock ops. */
export function gradientNormReference(gradients: readonly tf.Tensor[]): tf.Scalar {
  return tf.tidy(() => {
    const squares = gradients.map((gradient) => gradient.square().sum());
    return tf.addN(squares).sqrt().asScalar();
  });
}
