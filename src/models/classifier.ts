import * as tf from '@tensorflow/tfjs';
import { type Block, plainLayer, variable } from './block.js';

/** Global average pooling and a linear layer with bias, from [N, H, W, C] to logits [N, K]. */
export function classifierBlock(channels: number, classes: number): Block<tf.Tensor2D> {
  return {
    entries: [
      { name: 'classifier.weight', shape: [classes, channels], role: 'linear' },
      { name: 'classifier.bias', shape: [classes], role: 'bias' },
    ],
    bind(weights) {
      const weight = variable<tf.Rank.R2>(weights, 'classifier.weight');
      const bias = variable<tf.Rank.R1>(weights, 'classifier.bias');
      return (x) => {
        const pooled = tf.mean<tf.Tensor2D>(x, [1, 2]);
        return tf.add(tf.matMul(pooled, weight), bias);
      };
    },
    layers(_input, from) {
      const linear = {
        name: 'classifier',
        type: 'linear',
        output: [classes],
        params: (channels + 1) * classes,
        macs: channels * classes,
        inputs: ['pool'],
      };
      return [plainLayer('pool', 'global average pool', [channels], [from]), linear];
    },
  };
}
