import * as tf from '@tensorflow/tfjs';
import type { Model } from '../models/model.js';
import { softmaxCrossEntropy } from '../ops/softmax_cross_entropy.js';
import type { Precision } from '../precision.js';
import { abandonTape } from './abandon_tape.js';
import type { Optimizer } from './optimizer.js';

/** Loss and logits of a training step; the caller disposes them. */
export interface StepOutput {
  loss: tf.Scalar;
  /** [N, classes], from before the update. */
  logits: tf.Tensor2D;
}

export interface LossGradientsOptions {
  /** The variables to differentiate by. */
  parameters: readonly tf.Variable[];
  loss: (logits: tf.Tensor2D) => tf.Scalar;
  /** The backbone computes as in inference, and is not differentiated (default false). */
  frozenBackbone?: boolean;
  /** What activations are stored as (default float32). */
  precision?: Precision;
  /** What the gradients, but not the loss, come out multiplied by. */
  lossScale?: tf.Scalar;
}

/**
 * Forward in training form, and backward. Leaves no tensors but those it returns.
 * @param images normalised, [N, H, W, 3]
 * @returns with `gradients` by the variables' own names
 */
export function lossGradients(
  model: Model,
  images: tf.Tensor4D,
  { parameters, loss, frozenBackbone = false, precision, lossScale }: LossGradientsOptions,
): StepOutput & { gradients: tf.NamedTensorMap } {
  const features = frozenBackbone ? model.features(images, { precision }) : undefined;
  let logits: tf.Tensor2D | undefined;
  let value: tf.Scalar | undefined;
  try {
    const forward = () =>
      features
        ? model.classify(features, { training: true })
        : model.apply(images, { training: true, precision });
    const { value: scaled, grads } = tf.variableGrads(() => {
      logits = tf.keep(forward());
      value = tf.keep(loss(logits));
      return lossScale ? value.mul(lossScale) : value;
    }, [...parameters]);
    if (scaled !== value) scaled.dispose();
    return { loss: value!, logits: logits!, gradients: grads };
  } catch (error) {
    abandonTape();
    tf.dispose([logits, value]);
    throw error;
  } finally {
    features?.dispose();
  }
}

/**
 * One training step: forward with batch statistics, mean softmax cross-entropy, backward, and
 * the optimizer's update in place. Leaves no tensors but the two it returns.
 * @param images normalised, [N, H, W, 3]
 * @param labels int32 [N]
 */
export function trainingStep(
  model: Model,
  optimizer: Optimizer,
  images: tf.Tensor4D,
  labels: tf.Tensor1D,
  learningRate: number,
): StepOutput {
  optimizer.prepare();
  const { gradients, ...output } = lossGradients(model, images, {
    parameters: [...optimizer.parameters.values()],
    loss: (logits) => softmaxCrossEntropy(logits, labels),
  });
  try {
    optimizer.step(gradients, learningRate);
    return output;
  } catch (error) {
    tf.dispose({ ...output });
    throw error;
  } finally {
    tf.dispose(gradients);
  }
}
