import * as tf from '@tensorflow/tfjs';
import { checkChoice, checkGroups } from '../ops/checks.js';
import {
  groupConvShuffleDepthwise,
  type GroupConvShuffleDepthwiseParams,
} from '../ops/group_conv_shuffle_depthwise.js';
import {
  checkPositive,
  FusedLayer,
  type FusedLayerArgs,
  type LayerShape,
  strided,
  type WeightShapes,
} from './fused_layer.js';

export interface GroupConvShuffleDepthwiseLayerArgs extends FusedLayerArgs {
  /** output channels */
  filters: number;
  /** groups of the 1×1 convolution and of the channel shuffle */
  groups: number;
  /** groups of the 1×1 convolution, where they differ (the published networks' first unit has 1) */
  compressGroups?: number;
  /** default 1 */
  strides?: 1 | 2;
}

/** {@link groupConvShuffleDepthwise} as a layer: [N, H, W, Cin] to [N, ⌈H/s⌉, ⌈W/s⌉, filters]. */
export class GroupConvShuffleDepthwiseLayer extends FusedLayer<GroupConvShuffleDepthwiseParams> {
  static readonly className = 'MenetGroupConvShuffleDepthwise';
  readonly filters: number;
  readonly groups: number;
  readonly compressGroups: number;
  readonly strides: 1 | 2;

  constructor(args: GroupConvShuffleDepthwiseLayerArgs) {
    super(args);
    this.filters = args.filters;
    this.groups = args.groups;
    this.compressGroups = args.compressGroups ?? args.groups;
    this.strides = args.strides ?? 1;
    const { filters, groups, compressGroups } = this;
    checkPositive(this.name, { filters, groups, compressGroups });
    checkChoice(`${this.name}: strides`, this.strides, [1, 2]);
    checkGroups(`${this.name}: groups`, groups, filters);
    checkGroups(`${this.name}: compressGroups`, compressGroups, filters);
  }

  protected weightShapes(channels: number): WeightShapes {
    const { filters, compressGroups } = this;
    checkGroups(`${this.name}: compressGroups`, compressGroups, channels);
    return {
      compress: [1, 1, channels / compressGroups, filters],
      bnCompress: filters,
      depthwise: [3, 3, filters, 1],
    };
  }

  protected compute(
    [x]: tf.Tensor4D[],
    params: GroupConvShuffleDepthwiseParams,
    training: boolean,
  ): tf.Tensor4D {
    const { groups, strides } = this;
    return groupConvShuffleDepthwise(x!, params, { groups, strides, training });
  }

  protected shapeAfter(height: number | null, width: number | null): LayerShape {
    return [strided(height, this.strides), strided(width, this.strides), this.filters];
  }

  protected ownConfig(): tf.serialization.ConfigDict {
    const { filters, groups, compressGroups, strides } = this;
    return { filters, groups, compressGroups, strides };
  }
}

tf.serialization.registerClass(GroupConvShuffleDepthwiseLayer);
