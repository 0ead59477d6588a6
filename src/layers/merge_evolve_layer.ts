import * as tf from '@tensorflow/tfjs';
import { reject } from '../errors.js';
import { checkChoice } from '../ops/checks.js';
import { mergeEvolve, type MergeEvolveParams } from '../ops/merge_evolve.js';
import {
  checkPositive,
  FusedLayer,
  type FusedLayerArgs,
  isShapeList,
  type LayerShape,
  strided,
  type WeightShapes,
} from './fused_layer.js';

export interface MergeEvolveLayerArgs extends FusedLayerArgs {
  /** width of the merged branch */
  sideFilters: number;
  /** of the 3×3 convolution, those of the residual branch; default 1 */
  strides?: 1 | 2;
}

/**
 * {@link mergeEvolve} as a layer of two inputs, `layer.apply([h, residual])`: h [N, H, W, c] and
 * residual [N, ⌈H/s⌉, ⌈W/s⌉, c] to the shape of residual.
 */
export class MergeEvolveLayer extends FusedLayer<MergeEvolveParams> {
  static readonly className = 'MenetMergeEvolve';
  readonly sideFilters: number;
  readonly strides: 1 | 2;

  constructor(args: MergeEvolveLayerArgs) {
    super(args);
    this.sideFilters = args.sideFilters;
    this.strides = args.strides ?? 1;
    checkPositive(this.name, { sideFilters: this.sideFilters });
    checkChoice(`${this.name}: strides`, this.strides, [1, 2]);
  }

  override build(inputShape: LayerShape | LayerShape[]): void {
    if (!isShapeList(inputShape) || inputShape.length !== 2)
      reject(`${this.name}: inputs`, 'two, [h, residual]', inputShape);
    super.build(inputShape);
  }

  protected weightShapes(channels: number): WeightShapes {
    const side = this.sideFilters;
    return {
      bnDepthwise: channels,
      merge: [1, 1, channels, side],
      bnMerge: side,
      conv: [3, 3, side, side],
      bnConv: side,
      evolve: [1, 1, side, channels],
      bnEvolve: channels,
    };
  }

  protected compute(
    [h, residual]: tf.Tensor4D[],
    params: MergeEvolveParams,
    training: boolean,
  ): tf.Tensor4D {
    return mergeEvolve(h!, residual!, params, { strides: this.strides, training });
  }

  protected shapeAfter(height: number | null, width: number | null, channels: number): LayerShape {
    return [strided(height, this.strides), strided(width, this.strides), channels];
  }

  protected ownConfig(): tf.serialization.ConfigDict {
    return { sideFilters: this.sideFilters, strides: this.strides };
  }
}

tf.serialization.registerClass(MergeEvolveLayer);
