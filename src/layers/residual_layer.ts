import type * as tf from '@tensorflow/tfjs';
import { reject } from '../errors.js';
import { checkChoice, checkGroups } from '../ops/checks.js';
import {
  checkPositive,
  FusedLayer,
  type FusedLayerArgs,
  type LayerShape,
  strided,
  type WeightShapes,
} from './fused_layer.js';

/** What ShuffleNet and ME units take. */
export interface ResidualLayerArgs extends FusedLayerArgs {
  /** output channels; with strides 1 those of the input, with strides 2 more than the input's */
  filters: number;
  /** groups of the 1×1 convolutions and of the channel shuffle */
  groups: number;
  /** groups of the first 1×1 convolution, where they differ (the published networks' first unit has 1) */
  compressGroups?: number;
  /** width of the bottleneck; default a quarter of `filters` */
  bottleneckFilters?: number;
  /** 2 makes the downsampling unit; default 1 */
  strides?: 1 | 2;
}

/** A unit whose residual branch compresses, shuffles, convolves depthwise and expands. */
export abstract class ResidualLayer<Params extends object> extends FusedLayer<Params> {
  readonly filters: number;
  readonly groups: number;
  readonly compressGroups: number;
  readonly bottleneckFilters: number;
  readonly strides: 1 | 2;

  constructor(args: ResidualLayerArgs) {
    super(args);
    this.filters = args.filters;
    this.groups = args.groups;
    this.compressGroups = args.compressGroups ?? args.groups;
    this.bottleneckFilters = args.bottleneckFilters ?? Math.floor(args.filters / 4);
    this.strides = args.strides ?? 1;
    const { filters, groups, compressGroups, bottleneckFilters } = this;
    checkPositive(this.name, { filters, groups, compressGroups, bottleneckFilters });
    checkChoice(`${this.name}: strides`, this.strides, [1, 2]);
    checkGroups(`${this.name}: groups`, groups, bottleneckFilters);
    checkGroups(`${this.name}: compressGroups`, compressGroups, bottleneckFilters);
  }

  /** Weights that both units have, those of `branch` in between. */
  protected residualShapes(channels: number, branch: WeightShapes): WeightShapes {
    const { bottleneckFilters: middle, groups, compressGroups } = this;
    const expanded = this.expandedFilters(channels);
    checkGroups(`${this.name}: compressGroups`, compressGroups, channels);
    checkGroups(`${this.name}: groups`, groups, expanded);
    return {
      compress: [1, 1, channels / compressGroups, middle],
      bnCompress: middle,
      depthwise: [3, 3, middle, 1],
      ...branch,
      expand: [1, 1, middle / groups, expanded],
      bnExpand: expanded,
    };
  }

  /** The expansion's width: the output's, less the input that is concatenated with strides 2. */
  private expandedFilters(channels: number): number {
    const { filters, strides } = this;
    if (strides === 1 && filters !== channels)
      reject(`${this.name}: filters`, `the ${channels} of the input with strides 1`, filters);
    if (strides === 2 && filters <= channels)
      reject(
        `${this.name}: filters`,
        `more than the ${channels} of the input with strides 2`,
        filters,
      );
    return strides === 1 ? filters : filters - channels;
  }

  protected shapeAfter(height: number | null, width: number | null): LayerShape {
    return [strided(height, this.strides), strided(width, this.strides), this.filters];
  }

  protected ownConfig(): tf.serialization.ConfigDict {
    const { filters, groups, compressGroups, bottleneckFilters, strides } = this;
    return { filters, groups, compressGroups, bottleneckFilters, strides };
  }
}
