import * as tf from '@tensorflow/tfjs';

/**
 * Interleaves the `groups` groups of channels of `x` [N, H, W, C]: channel j·(C/groups)+i of the
 * input is channel i·groups+j of the output.
 * @see Zhang et al., "ShuffleNet", arXiv:1707.01083
 */
export function channelShuffleReference(x: tf.Tensor4D, groups: number): tf.Tensor4D {
  if (groups === 1) return x;
  const [batch, height, width, channels] = x.shape;
  const grouped = tf.reshape(x, [batch * height * width, groups, channels / groups]);
  return tf.reshape(tf.transpose(grouped, [0, 2, 1]), x.shape);
}
