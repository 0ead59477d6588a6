import * as tf from '@tensorflow/tfjs';
import { currentMenetBackend } from '../backend/menet_backend.js';
import { checkTensor } from './checks.js';
import { runGradient, runNative } from './native_gradient.js';

/**
 * Mean over the batch of the cross-entropy between softmax(logits) and the labels, in nats.
 * @param logits [N, K], float32
 * @param labels [N], int32, each from 0 to K - 1; backend `menet` on the CPU checks it, others do
 *   not, as that would wait for the device
 * @returns a scalar, differentiable in `logits`
 * @throws InputError for wrong shapes or types and for disposed tensors
 */
export function softmaxCrossEntropy(logits: tf.Tensor2D, labels: tf.Tensor1D): tf.Scalar {
  checkTensor('softmaxCrossEntropy: logits', logits, ['N', 'K']);
  checkTensor('softmaxCrossEntropy: labels', labels, [logits.shape[0]], 'int32');
  const backend = currentMenetBackend();
  if (backend === undefined) return tf.tidy(() => softmaxCrossEntropyReference(logits, labels));
  const run = tf.customGrad((x, save) => {
    const [loss] = runNative(backend, 'SoftmaxCrossEntropy', [x as tf.Tensor, labels]);
    (save as tf.GradSaveFunc)([x as tf.Tensor, labels]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) =>
      runGradient(backend, 'SoftmaxCrossEntropyGrad', dy, saved);
    return { value: loss as tf.Tensor, gradFunc };
  });
  return run(logits) as tf.Scalar;
}

/** {@link softmaxCrossEntropy} from stock ops. */
export function softmaxCrossEntropyReference(logits: tf.Tensor2D, labels: tf.Tensor1D): tf.Scalar {
  const [batch, classes] = logits.shape;
  // tfjs-backend-wasm 4.22 fills a float32 oneHot with the bits of integers.
  const targets = tf.cast(tf.oneHot(labels, classes), 'float32');
  return tf.div(tf.neg(tf.sum(tf.mul(targets, tf.logSoftmax(logits)))), batch);
}
