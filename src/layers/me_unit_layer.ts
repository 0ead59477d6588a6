import * as tf from '@tensorflow/tfjs';
import { meUnit, type MeUnitParams } from '../ops/me_unit.js';
import { checkPositive, type WeightShapes } from './fused_layer.js';
import { ResidualLayer, type ResidualLayerArgs } from './residual_layer.js';

export interface MeUnitLayerArgs extends ResidualLayerArgs {
  /** width of the merged branch */
  sideFilters: number;
}

/** {@link meUnit} as a layer: [N, H, W, Cin] to [N, ⌈H/s⌉, ⌈W/s⌉, filters]. */
export class MeUnitLayer extends ResidualLayer<MeUnitParams> {
  static readonly className = 'MenetMeUnit';
  readonly sideFilters: number;

  constructor(args: MeUnitLayerArgs) {
    super(args);
    this.sideFilters = args.sideFilters;
    checkPositive(this.name, { sideFilters: args.sideFilters });
  }

  protected weightShapes(channels: number): WeightShapes {
    const { bottleneckFilters: middle, sideFilters: side } = this;
    return this.residualShapes(channels, {
      bnDepthwise: middle,
      merge: [1, 1, middle, side],
      bnMerge: side,
      conv: [3, 3, side, side],
      bnConv: side,
      evolve: [1, 1, side, middle],
      bnEvolve: middle,
    });
  }

  protected compute([x]: tf.Tensor4D[], params: MeUnitParams, training: boolean): tf.Tensor4D {
    const { groups, strides } = this;
    return meUnit(x!, params, { groups, strides, training });
  }

  protected override ownConfig(): tf.serialization.ConfigDict {
    return { ...super.ownConfig(), sideFilters: this.sideFilters };
  }
}

tf.serialization.registerClass(MeUnitLayer);
