import * as tf from '@tensorflow/tfjs';
import { checkTensor } from './checks.js';

/**
 * Mean over the batch of the cross-entropy between softmax(logits) and the labels, in nats.
 * @param logits [N, K], float32
 * @param labels [N], int32, each from 0 to K - 1 (not checked: that would wait for the device)
 * @returns a scalar, differentiable in `logits`
 * @throws InputError for wrong shapes or types and for disposed tensors
 */
export function softmaxCrossEntropy(logits: tf.Tensor2D, labels: tf.Tensor1D): tf.Scalar {
  checkTensor('softmaxCrossEntropy: logits', logits, ['N', 'K']);
  checkTensor('softmaxCrossEntropy: labels', labels, [logits.shape[0]], 'int32');
  return tf.tidy(() => softmaxCrossEntropyReference(logits, labels));
}

/** {@link softmaxCrossEntropy} from stock ops. */
export function softmaxCrossEntropyReference(logits: tf.Tensor2D, labels: tf.Tensor1D): tf.Scalar {
  const [batch, classes] = logits.shape;
  // tfjs-backend-wasm 4.22 fills a float32 oneHot with the bits of integers.
  const targets = tf.cast(tf.oneHot(labels, classes), 'float32');
  return tf.div(tf.neg(tf.sum(tf.mul(targets, tf.logSoftmax(logits)))), batch);
}
