import * as tf from '@tensorflow/tfjs';
import type { Model } from '../models/model.js';
import { softmaxCrossEntropy } from '../ops/softmax_cross_entropy.js';
import type { Optimizer } from './optimizer.js';

/** Loss and logits of a training step; the caller disposes them. */
export interface StepOutput {
  loss: tf.Scalar;
  /** [N, classes], from before the update. */
  logits: tf.Tensor2D;
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
  const output: Partial<StepOutput> = {};
  let gradients: tf.NamedTensorMap = {};
  try {
    const { value, grads } = tf.variableGrads(() => {
      output.logits = tf.keep(model.apply(images, { training: true }));
      return softmaxCrossEntropy(output.logits, labels);
    }, [...optimizer.parameters.values()]);
    output.loss = value;
    gradients = grads;
    optimizer.step(gradients, learningRate);
    return output as StepOutput;
  } catch (error) {
    tf.dispose(output);
    throw error;
  } finally {
    tf.dispose(gradients);
  }
}
