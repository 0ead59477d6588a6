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

/** Width of a unit's residual branch, from the width of its output. */
export function bottleneck(channels: number): number {
  return Math.floor(channels / 4);
}

/** Widths, groups and strides of a unit. */
export interface MeUnitShape {
  inChannels: number;
  outChannels: number;
  sideChannels: number;
  strides: 1 | 2;
  groups: number;
  compressGroups: number;
}

/** A merging-and-evolution unit, as {@link meUnit} computes it. */
export function meUnitBlock(name: string, shape: MeUnitShape): Block {
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
