import * as tf from '@tensorflow/tfjs';
import { reject } from '../errors.js';
import { checkChoice } from '../ops/checks.js';
import { stem, type StemParams } from '../ops/stem.js';
import {
  checkPositive,
  FusedLayer,
  type FusedLayerArgs,
  type LayerShape,
  strided,
  type WeightShapes,
} from './fused_layer.js';

export interface StemLayerArgs extends FusedLayerArgs {
  /** output channels */
  filters: number;
  /** max pooling at the end; default true */
  pooling?: boolean;
}

/**
 * {@link stem} as a layer: [N, H, W, 3] to [N, ⌈⌈H/2⌉/2⌉, ⌈⌈W/2⌉/2⌉, filters], or without pooling
 * to [N, ⌈H/2⌉, ⌈W/2⌉, filters].
 */
export class StemLayer extends FusedLayer<StemParams> {
  static readonly className = 'MenetStem';
  readonly filters: number;
  readonly pooling: boolean;

  constructor(args: StemLayerArgs) {
    super(args);
    this.filters = args.filters;
    this.pooling = args.pooling ?? true;
    checkPositive(this.name, { filters: args.filters });
    checkChoice(`${this.name}: pooling`, this.pooling, [true, false]);
  }

  protected weightShapes(channels: number): WeightShapes {
    if (channels !== 3) reject(`${this.name}: input`, '3 channels', channels);
    return { conv: [3, 3, 3, this.filters], bn: this.filters };
  }

  protected compute([x]: tf.Tensor4D[], params: StemParams, training: boolean): tf.Tensor4D {
    return stem(x!, params, { pooling: this.pooling, training });
  }

  protected shapeAfter(height: number | null, width: number | null): LayerShape {
    const after = (size: number | null) => {
      const halved = strided(size, 2);
      return this.pooling ? strided(halved, 2) : halved;
    };
    return [after(height), after(width), this.filters];
  }

  protected ownConfig(): tf.serialization.ConfigDict {
    return { filters: this.filters, pooling: this.pooling };
  }
}

tf.serialization.registerClass(StemLayer);
