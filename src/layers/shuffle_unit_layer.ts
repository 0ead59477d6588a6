import * as tf from '@tensorflow/tfjs';
import { shuffleUnit, type ShuffleUnitParams } from '../ops/shuffle_unit.js';
import type { WeightShapes } from './fused_layer.js';
import { ResidualLayer } from './residual_layer.js';

/** {@link shuffleUnit} as a layer: [N, H, W, Cin] to [N, ⌈H/s⌉, ⌈W/s⌉, filters]. */
export class ShuffleUnitLayer extends ResidualLayer<ShuffleUnitParams> {
  static readonly className = 'MenetShuffleUnit';

  protected weightShapes(channels: number): WeightShapes {
    return this.residualShapes(channels, { bnDepthwise: this.bottleneckFilters });
  }

  protected compute([x]: tf.Tensor4D[], params: ShuffleUnitParams, training: boolean): tf.Tensor4D {
    const { groups, strides } = this;
    return shuffleUnit(x!, params, { groups, strides, training });
  }
}

tf.serialization.registerClass(ShuffleUnitLayer);
