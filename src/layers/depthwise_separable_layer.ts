import * as tf from '@tensorflow/tfjs';
import { checkChoice } from '../ops/checks.js';
import { depthwiseSeparable, type DepthwiseSeparableParams } from '../ops/depthwise_separable.js';
import {
  checkPositive,
  FusedLayer,
  type FusedLayerArgs,
  type LayerShape,
  strided,
  type WeightShapes,
} from './fused_layer.js';

export interface DepthwiseSeparableLayerArgs extends FusedLayerArgs {
  /** output channels */
  filters: number;
  /** default 1 */
  strides?: 1 | 2;
}

/** {@link depthwiseSeparable} as a layer: [N, H, W, Cin] to [N, ⌈H/s⌉, ⌈W/s⌉, filters]. */
export class DepthwiseSeparableLayer extends FusedLayer<DepthwiseSeparableParams> {
  static readonly className = 'MenetDepthwiseSeparable';
  readonly filters: number;
  readonly strides: 1 | 2;

  constructor(args: DepthwiseSeparableLayerArgs) {
    super(args);
    this.filters = args.filters;
    this.strides = args.strides ?? 1;
    checkPositive(this.name, { filters: this.filters });
    checkChoice(`${this.name}: strides`, this.strides, [1, 2]);
  }

  protected weightShapes(channels: number): WeightShapes {
    return {
      depthwise: [3, 3, channels, 1],
      bnDepthwise: channels,
      pointwise: [1, 1, channels, this.filters],
      bnPointwise: this.filters,
    };
  }

  protected compute(
    [x]: tf.Tensor4D[],
    params: DepthwiseSeparableParams,
    training: boolean,
  ): tf.Tensor4D {
    return depthwiseSeparable(x!, params, { strides: this.strides, training });
  }

  protected shapeAfter(height: number | null, width: number | null): LayerShape {
    return [strided(height, this.strides), strided(width, this.strides), this.filters];
  }

  protected ownConfig(): tf.serialization.ConfigDict {
    return { filters: this.filters, strides: this.strides };
  }
}

tf.serialization.registerClass(DepthwiseSeparableLayer);
