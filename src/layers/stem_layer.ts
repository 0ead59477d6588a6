import * as tf from '@tensorflow/tfjs';
import { reject } from '../errors.js';
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
}

/** {@link stem} as a layer: [N, H, W, 3] to [N, ⌈⌈H/2⌉/2⌉, ⌈⌈W/2⌉/2⌉, filters]. */
export class StemLayer extends FusedLayer<StemParams> {
  static readonly className = 'MenetStem';
  readonly filters: number;

  constructor(args: StemLayerArgs) {
    super(args);
    this.filters = args.filters;
    checkPositive(this.name, { filters: args.filters });
  }

  protected weightShapes(channels: number): WeightShapes {
    if (channels !== 3) reject(`${this.name}: input`, '3 channels', channels);
    return { conv: [3, 3, 3, this.filters], bn: this.filters };
  }

  protected compute([x]: tf.Tensor4D[], params: StemParams, training: boolean): tf.Tensor4D {
    return stem(x!, params, { training });
  }

  protected shapeAfter(height: number | null, width: number | null): LayerShape {
    const [rows, columns] = [height, width].map((size) => strided(strided(size, 2), 2));
    return [rows!, columns!, this.filters];
  }

  protected ownConfig(): tf.serialization.ConfigDict {
    return { filters: this.filters };
  }
}

tf.serialization.registerClass(StemLayer);
