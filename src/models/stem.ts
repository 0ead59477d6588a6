import { stem } from '../ops/stem.js';
import {
  batchNormParams,
  type Block,
  type ConvSpec,
  convEntries,
  convLayer,
  convWeights,
  plainLayer,
} from './block.js';

/**
 * The first layers: 3×3 convolution with strides 2, batch norm, relu and, where it has a name,
 * max pooling with strides 2.
 */
export function stemBlock(
  names: { conv: string; batchNorm: string; pool?: string },
  channels: number,
): Block {
  const conv: ConvSpec = {
    name: names.conv,
    batchNorm: names.batchNorm,
    kernel: 3,
    inChannels: 3,
    outChannels: channels,
    groups: 1,
    strides: 2,
  };
  return {
    entries: convEntries(conv),
    bind(weights) {
      const params = {
        conv: convWeights(weights, conv.name),
        bn: batchNormParams(weights, conv.batchNorm),
      };
      const pooling = names.pool !== undefined;
      return (x, options) => stem(x, params, { pooling, ...options });
    },
    layers(input, from) {
      const first = convLayer(conv, input, from, ['relu']);
      if (names.pool === undefined) return [first];
      const [height, width] = first.output;
      const pooled = [Math.ceil(height / 2), Math.ceil(width / 2), channels];
      return [first, plainLayer(names.pool, 'max pool 3×3 /2', pooled, [first.name])];
    },
  };
}
