import * as tf from '@tensorflow/tfjs';
import type { FusedOps, OpAttributes } from './fused_ops.js';

/** Gradients that only the op before will read: made by a native gradient, not seen by users. */
const transient = new WeakSet<tf.Tensor>();

/**
 * The gradient of a native op by its native gradient op. Memory goes back as early as it can, since
 * tfjs keeps all that the tape saved, and all gradients, to the end of the backward pass:
 * `saved`, the tape's own (y, or what is stored as y is, first), and `dy` where {@link markTransient} knows that nobody else reads it.
 * @throws Error where the gradient is itself to be differentiated
 */
export function runGradient(
  ops: FusedOps,
  op: string,
  dy: tf.Tensor,
  saved: tf.Tensor[],
  attributes?: OpAttributes,
): tf.Tensor[] {
  if (tf.engine().state.gradientDepth > 0) {
    throw new Error(`${op}: expected a first-order gradient, got a gradient of a gradient`);
  }
  const gradients = ops.withStorageOf(dy, saved[0]!, (like) =>
    ops.runFused(op, [like, ...saved], attributes),
  );
  tf.dispose(saved);
  if (transient.delete(dy)) dy.dispose();
  return gradients;
}

/** Marks the gradient of an activation as disposable by the op that made the activation. */
export function markTransient<T extends tf.Tensor>(dx: T): T {
  transient.add(dx);
  return dx;
}

/** Tensors that no gradient is wanted for: images. */
const constants = new WeakSet<tf.Tensor>();

export function markConstant<T extends tf.Tensor>(tensor: T): T {
  constants.add(tensor);
  return tensor;
}

export function isConstant(tensor: tf.Tensor): boolean {
  return constants.has(tensor);
}

/**
 * An op's inference form: its native op, or, where a gradient is being recorded, its reference,
 * since native inference forms save nothing for one.
 */
export function inferenceForm<T extends tf.Tensor>(
  ops: FusedOps,
  op: string,
  inputs: readonly tf.Tensor[],
  attributes: OpAttributes,
  reference: () => T,
): T {
  if (tf.engine().state.gradientDepth > 0) return tf.tidy(reference);
  return ops.runFused(op, inputs, { ...attributes, training: false })[0] as T;
}
