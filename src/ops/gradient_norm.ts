import * as tf from '@tensorflow/tfjs';
import { currentMenetBackend } from '../backend/menet_backend.js';
import { reject } from '../errors.js';
import { checkTensor } from './checks.js';
import { runNative } from './native_gradient.js';

/** What clipping found. */
export interface Clipping {
  /** L2 norm of all gradients together; it may be infinite or NaN. */
  norm: number;
  /** What the gradients are to be multiplied by, an update's `gradientScale`; at most 1. */
  scale: number;
}

/**
 * The factor that brings the global L2 norm of gradients down to `maxNorm` where it is above, as
 * torch.nn.utils.clip_grad_norm_ defines it: min(1, maxNorm / (norm + 1e-6)). The gradients stay
 * as they are: the update that follows multiplies by the factor, so that it costs no pass.
 *
 * A norm that is not finite has no such factor: `scale` is NaN, which every update rejects.
 * Whoever clips looks at `norm` first.
 * @param gradients of any shapes
 * @throws InputError naming the argument, the expected and the received
 */
export function clipGradients(gradients: readonly tf.Tensor[], maxNorm: number): Clipping {
  if (!(maxNorm > 0)) reject('clipGradients: maxNorm', 'a number > 0', maxNorm);
  const tensor = gradientNorm(gradients);
  const norm = tensor.dataSync<'float32'>()[0]!;
  tensor.dispose();
  const scale = Number.isFinite(norm) ? Math.min(1, maxNorm / (norm + 1e-6)) : NaN;
  return { norm, scale };
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
  const backend = currentMenetBackend();
  if (backend === undefined) return gradientNormReference(gradients);
  return runNative(backend, 'GradientNorm', gradients)[0] as tf.Scalar;
}

/** {@link gradientNorm} from stock ops. */
export function gradientNormReference(gradients: readonly tf.Tensor[]): tf.Scalar {
  return tf.tidy(() => {
    const squares = gradients.map((gradient) => gradient.square().sum());
    return tf.addN(squares).sqrt().asScalar();
  });
}
