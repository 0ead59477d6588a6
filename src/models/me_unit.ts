import { meUnit } from '../ops/me_unit.js';
import {
  batchNormParams,
  type Block,
  convEntries,
  convLayer,
  convWeights,
  type Layer,
  type MapShape,
  plainLayer,
  type Weights,
} from './block.js';
import {
  bindResidual,
  bottleneck,
  closingLayers,
  residualConvs,
  type ResidualShape,
  unitConv,
} from './residual_branch.js';

/** Widths, groups and strides of a unit. */
export interface MeUnitShape extends ResidualShape {
  sideChannels: number;
}

/** A merging-and-evolution unit, as {@link meUnit} computes it. */
export function meUnitBlock(name: string, shape: MeUnitShape): Block {
  const convs = meUnitConvs(name, shape);
  return {
    entries: Object.values(convs).flatMap(convEntries),
    bind(weights) {
      const params = { ...bindResidual(weights, convs), ...bindBranch(weights, convs) };
      const { groups, strides } = shape;
      return (x, { training }) => meUnit(x, params, { groups, strides, training });
    },
    layers: (input, from) => meUnitLayers(name, shape, convs, input, from),
  };
}

/** The unit's convolutions, in published order. */
function meUnitConvs(unit: string, shape: MeUnitShape) {
  const { outChannels, sideChannels: side, strides } = shape;
  const middle = bottleneck(outChannels);
  return {
    ...residualConvs(unit, shape),
    merge: unitConv(unit, ['s_merge', 's_bn_merge'], [middle, side]),
    conv: unitConv(unit, ['s_conv', 's_bn_conv'], [side, side], { kernel: 3, strides }),
    evolve: unitConv(unit, ['s_evolve', 's_bn_evolve'], [side, middle]),
  };
}

type MeUnitConvs = ReturnType<typeof meUnitConvs>;

function bindBranch(weights: Weights, { merge, conv, evolve }: MeUnitConvs) {
  return {
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
  shape: MeUnitShape,
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
  const closing = closingLayers(unit, shape, convs.expand, gate, from);
  return [compress, merge, depthwise, conv, evolve, gate, ...closing];
}
