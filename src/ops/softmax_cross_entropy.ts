import * as tf from '@tensorflow/tfjs';
import { currentMenetBackend } from '../backend/menet_backend.js';
import { currentFusedOps } from './fused_ops.js';
import { reject } from '../errors.js';
import { checkTensor } from './checks.js';
import { runGradient } from './native_gradient.js';

/** Second labels, of images that are mixtures of two. */
export interface MixedLabels {
  /** [N], int32, each from 0 to K - 1 */
  labels: tf.Tensor1D;
  /** [N], float32, from 0 to 1: the share of `labels` in the target; the first labels have the rest. */
  weights: tf.Tensor1D;
}

export interface SoftmaxCrossEntropyOptions {
  /** Share of the target that is spread evenly over all classes, from 0 to 1; default 0. */
  labelSmoothing?: number;
  mixed?: MixedLabels;
}

/**
 * Mean over the batch of the cross-entropy between softmax(logits) and the targets, in nats. The
 * target of a row is its label; with options, of smoothing s and mixed weight w,
 *
 *     t = (1 - s) * ((1 - w) * onehot(label) + w * onehot(mixed label)) + s / K
 *
 * @param logits [N, K], float32
 * @param labels [N], int32, each from 0 to K - 1; they are looked at, so a device is waited for.
 *   In a compiled function they are not: there a wrong one makes an error on the CPU, and a loss
 *   of NaN on a GPU
 * @returns a scalar, differentiable in `logits`
 * @throws InputError for wrong shapes, types, labels and shares, and for disposed tensors
 * @see Szegedy et al., "Rethinking the Inception Architecture", arXiv:1512.00567, section 7
 */
export function softmaxCrossEntropy(
  logits: tf.Tensor2D,
  labels: tf.Tensor1D,
  options: SoftmaxCrossEntropyOptions = {},
): tf.Scalar {
  check(logits, labels, options);
  const ops = currentFusedOps();
  if (ops === undefined)
    return tf.tidy(() => softmaxCrossEntropyReference(logits, labels, options));
  const { labelSmoothing = 0, mixed } = options;
  const targets = mixed ? [labels, mixed.labels, mixed.weights] : [labels];
  const run = tf.customGrad((x, save) => {
    const inputs = [x as tf.Tensor, ...targets];
    const [loss] = ops.runFused('SoftmaxCrossEntropy', inputs, { labelSmoothing });
    (save as tf.GradSaveFunc)(inputs);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) =>
      runGradient(ops, 'SoftmaxCrossEntropyGrad', dy, saved, { labelSmoothing });
    return { value: loss as tf.Tensor, gradFunc };
  });
  return run(logits) as tf.Scalar;
}

/** {@link softmaxCrossEntropy} from stock ops. */
export function softmaxCrossEntropyReference(
  logits: tf.Tensor2D,
  labels: tf.Tensor1D,
  { labelSmoothing = 0, mixed }: SoftmaxCrossEntropyOptions = {},
): tf.Scalar {
  const [batch, classes] = logits.shape;
  // tfjs-backend-wasm 4.22 fills a float32 oneHot with the bits of integers.
  const oneHot = (of: tf.Tensor1D) => tf.cast(tf.oneHot(of, classes), 'float32');
  let targets: tf.Tensor = oneHot(labels);
  if (mixed) {
    const weights = tf.reshape(mixed.weights, [batch, 1]);
    targets = tf.add(tf.mul(targets, tf.sub(1, weights)), tf.mul(oneHot(mixed.labels), weights));
  }
  targets = tf.add(tf.mul(targets, 1 - labelSmoothing), labelSmoothing / classes);
  return tf.div(tf.neg(tf.sum(tf.mul(targets, tf.logSoftmax(logits)))), batch);
}

function check(
  logits: tf.Tensor2D,
  labels: tf.Tensor1D,
  { labelSmoothing = 0, mixed }: SoftmaxCrossEntropyOptions,
): void {
  checkTensor('softmaxCrossEntropy: logits', logits, ['N', 'K']);
  const [batch, classes] = logits.shape;
  checkLabels('softmaxCrossEntropy: labels', labels, batch, classes);
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1))
    reject('softmaxCrossEntropy: labelSmoothing', 'a share from 0 to 1', labelSmoothing);
  if (!mixed) return;
  checkLabels('softmaxCrossEntropy: mixed.labels', mixed.labels, batch, classes);
  checkTensor('softmaxCrossEntropy: mixed.weights', mixed.weights, [batch]);
  if (isRecording()) return;
  const wrong = mixed.weights.dataSync<'float32'>().find((weight) => !(weight >= 0 && weight <= 1));
  if (wrong !== undefined)
    reject('softmaxCrossEntropy: mixed.weights', 'shares from 0 to 1', wrong);
}

function isRecording(): boolean {
  return currentMenetBackend()?.recording === true;
}

function checkLabels(where: string, labels: tf.Tensor1D, batch: number, classes: number): void {
  checkTensor(where, labels, [batch], 'int32');
  if (isRecording()) return; // the native op looks at them
  const wrong = labels.dataSync<'int32'>().find((label) => label < 0 || label >= classes);
  if (wrong !== undefined) reject(where, `classes from 0 to ${classes - 1}`, wrong);
}
