import * as tf from '@tensorflow/tfjs';

/**
 * What a 3×3 window with padding 1 reads, and its padding: tfjs-node takes no number for that, so
 * that its input gets a frame of zeros.
 */
export function padOne(x: tf.Tensor4D): [x: tf.Tensor4D, padding: number | 'valid'] {
  if (tf.getBackend() !== 'tensorflow') return [x, 1];
  return [tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]]), 'valid']; // prettier-ignore
}
