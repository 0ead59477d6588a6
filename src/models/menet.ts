import { z } from 'zod';
import { meUnit, type MeUnitParams } from '../ops/me_unit.js';
import {
  batchNormParams,
  type Block,
  type ConvSpec,
  convEntries,
  convLayer,
  convWeights,
  type Layer,
  type MapShape,
  plainLayer,
  type Weights,
} from './block.js';
import { classifierBlock } from './classifier.js';
import { type Architecture, commonFields, registerFamily } from './registry.js';
import { stemBlock } from './stem.js';

/*
 * MENet: Qin et al., "Merging and Evolution: Improving Convolutional Neural Networks for Mobile
 * Applications", arXiv:1803.09127.
 */

const width = z.int().min(1);

const schema = z
  .strictObject({
    name: z.literal('menet'),
    /** width of each stage */
    block_channels: z.array(z.int().min(4)).min(1),
    /** units of each stage after its downsampling one */
    block_layers: z.array(z.int().min(0)).min(1),
    /** width of the stem */
    init_c: width,
    /** width of the merge-evolve branch in each stage */
    side_channels: z.array(width).min(1),
    /** groups of the 1×1 convolutions and of the channel shuffle */
    groups: width,
    ...commonFields,
  })
  .superRefine((config, context) => {
    for (const { path, message } of inconsistencies(config)) {
      context.addIssue({ code: 'custom', path, message });
    }
  });

export type MenetConfig = z.output<typeof schema>;

type Widths = Pick<
  MenetConfig,
  'block_channels' | 'block_layers' | 'side_channels' | 'init_c' | 'groups'
>;

/** What the fields' types leave open: lists of equal length, and groups that divide channels. */
function inconsistencies(config: Widths): { path: (string | number)[]; message: string }[] {
  const { block_channels: channels, groups } = config;
  const found: { path: (string | number)[]; message: string }[] = [];
  for (const field of ['block_layers', 'side_channels'] as const) {
    if (config[field].length !== channels.length) {
      found.push({ path: [field], message: `${channels.length} entries, as in block_channels` });
    }
  }
  channels.forEach((out, i) => {
    const previous = channels[i - 1] ?? config.init_c;
    const path = ['block_channels', i];
    if (out <= previous) {
      found.push({ path, message: `more than the ${previous} channels before it` });
    } else if ([bottleneck(out), out, out - previous].some((count) => count % groups !== 0)) {
      const counts = `${bottleneck(out)} (bottleneck), ${out} and ${out - previous} (expansion)`;
      found.push({ path, message: `groups (${groups}) to divide its channels ${counts}` });
    }
  });
  return found;
}

function bottleneck(channels: number): number {
  return Math.floor(channels / 4);
}

function build(config: MenetConfig): Architecture {
  const { block_channels, block_layers, side_channels, init_c, groups } = config;
  const names = { conv: 'features.init.conv', batchNorm: 'features.init.bn' };
  const features = [stemBlock({ ...names, pool: 'features.init.pool' }, init_c)];
  let inChannels = init_c;
  block_channels.forEach((outChannels, stage) => {
    const units = 1 + (block_layers[stage] as number);
    for (let unit = 0; unit < units; unit++) {
      features.push(
        meUnitBlock(`features.stage_${stage + 1}_${unit + 1}`, {
          inChannels,
          outChannels,
          sideChannels: side_channels[stage] as number,
          strides: unit === 0 ? 2 : 1,
          groups,
          // The stem's output is too narrow to convolve in groups.
          compressGroups: stage === 0 && unit === 0 ? 1 : groups,
        }),
      );
      inChannels = outChannels;
    }
  });
  return { features, classifier: classifierBlock(inChannels, config.num_classes) };
}

interface MeUnitShape {
  inChannels: number;
  outChannels: number;
  sideChannels: number;
  strides: 1 | 2;
  groups: number;
  compressGroups: number;
}

function meUnitBlock(name: string, shape: MeUnitShape): Block {
  const convs = meUnitConvs(name, shape);
  return {
    entries: Object.values(convs).flatMap(convEntries),
    bind(weights) {
      const params = bindMeUnit(weights, convs);
      const { groups, strides } = shape;
      return (x, training) => meUnit(x, params, { groups, strides, training });
    },
    layers: (input, from) => meUnitLayers(name, shape, convs, input, from),
  };
}

/** The unit's convolutions, in published order. */
function meUnitConvs(unit: string, shape: MeUnitShape) {
  const { inChannels, outChannels, sideChannels: side, strides, groups } = shape;
  const middle = bottleneck(outChannels);
  const expanded = strides === 2 ? outChannels - inChannels : outChannels;
  const conv = (
    name: string,
    batchNorm: string,
    [from, to]: [number, number],
    rest: Partial<ConvSpec>,
  ): ConvSpec => ({
    name: `${unit}.${name}`,
    batchNorm: `${unit}.${batchNorm}`,
    kernel: 1,
    inChannels: from,
    outChannels: to,
    groups: 1,
    strides: 1,
    ...rest,
  });
  return {
    compress: conv('compress', 'bn_compress', [inChannels, middle], {
      groups: shape.compressGroups,
    }),
    depthwise: conv('depthwise', 'bn_depthwise', [middle, middle], {
      kernel: 3,
      groups: middle,
      strides,
    }),
    expand: conv('expand', 'bn_expand', [middle, expanded], { groups }),
    merge: conv('s_merge', 's_bn_merge', [middle, side], {}),
    conv: conv('s_conv', 's_bn_conv', [side, side], { kernel: 3, strides }),
    evolve: conv('s_evolve', 's_bn_evolve', [side, middle], {}),
  };
}

type MeUnitConvs = ReturnType<typeof meUnitConvs>;

function bindMeUnit(weights: Weights, convs: MeUnitConvs): MeUnitParams {
  const { compress, depthwise, expand, merge, conv, evolve } = convs;
  return {
    compress: convWeights(weights, compress.name),
    bnCompress: batchNormParams(weights, compress.batchNorm),
    depthwise: convWeights(weights, depthwise.name),
    bnDepthwise: batchNormParams(weights, depthwise.batchNorm),
    expand: convWeights(weights, expand.name),
    bnExpand: batchNormParams(weights, expand.batchNorm),
    merge: convWeights(weights, merge.name),
    bnMerge: batchNormParams(weights, merge.batchNorm),
    conv: convWeights(weights, conv.name),
    bnConv: batchNormParams(weights, conv.batchNorm),
    evolve: convWeights(weights, evolve.name),
    bnEvolve: batchNormParams(weights, evolve.batchNorm),
  };
}

function meUnitLayers(
  unit: string,
  { strides, inChannels, outChannels }: MeUnitShape,
  convs: MeUnitConvs,
  input: MapShape,
  from: string,
): Layer[] {
  const compress = convLayer(convs.compress, input, from, ['relu', 'channel shuffle']);
  const merge = convLayer(convs.merge, compress.output, compress.name, ['relu']);
  const depthwise = convLayer(convs.depthwise, compress.output, compress.name, []);
  const conv = convLayer(convs.conv, merge.output, merge.name, ['relu']);
  const evolve = convLayer(convs.evolve, conv.output, conv.name, ['sigmoid']);
  const gated = [depthwise.name, evolve.name];
  const gate = plainLayer(`${unit}.gate`, 'multiply', depthwise.output, gated);
  const expand = convLayer(convs.expand, gate.output, gate.name, []);
  const layers: Layer[] = [compress, merge, depthwise, conv, evolve, gate, expand];
  const [height, lineWidth] = expand.output;
  const joined = [height, lineWidth, outChannels];
  const join = `${unit}.join`;
  if (strides === 1) return [...layers, plainLayer(join, 'add, relu', joined, [expand.name, from])];
  const pooled = [height, lineWidth, inChannels];
  const pool = plainLayer(`${unit}.pool`, 'average pool 3×3 /2', pooled, [from]);
  return [...layers, pool, plainLayer(join, 'concat, relu', joined, [expand.name, pool.name])];
}

registerFamily('menet', { schema, build });
