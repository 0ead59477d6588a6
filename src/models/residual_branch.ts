import {
  type ConvSpec,
  convLayer,
  convWeights,
  batchNormParams,
  type Layer,
  type MapShape,
  plainLayer,
  type Weights,
} from './block.js';

/** Widths, groups and strides of a ShuffleNet unit or of an ME unit's residual branch. */
export interface ResidualShape {
  inChannels: number;
  /** of the unit; where strides are 2, its input's are among them */
  outChannels: number;
  strides: 1 | 2;
  groups: number;
  compressGroups: number;
}

/** Width of a residual branch, from the width of its unit's output. */
export function bottleneck(channels: number): number {
  return Math.floor(channels / 4);
}

/** A 1×1 convolution of a unit, with its batch norm; `rest` makes it another one. */
export function unitConv(
  unit: string,
  [name, batchNorm]: [string, string],
  [inChannels, outChannels]: [number, number],
  rest: Partial<ConvSpec> = {},
): ConvSpec {
  return {
    name: `${unit}.${name}`,
    batchNorm: `${unit}.${batchNorm}`,
    kernel: 1,
    inChannels,
    outChannels,
    groups: 1,
    strides: 1,
    ...rest,
  };
}

/** The branch's convolutions, in published order. */
export function residualConvs(unit: string, shape: ResidualShape) {
  const { inChannels, outChannels, strides, groups, compressGroups } = shape;
  const middle = bottleneck(outChannels);
  const expanded = strides === 2 ? outChannels - inChannels : outChannels;
  return {
    compress: unitConv(unit, ['compress', 'bn_compress'], [inChannels, middle], {
      groups: compressGroups,
    }),
    depthwise: unitConv(unit, ['depthwise', 'bn_depthwise'], [middle, middle], {
      kernel: 3,
      groups: middle,
      strides,
    }),
    expand: unitConv(unit, ['expand', 'bn_expand'], [middle, expanded], { groups }),
  };
}

export type ResidualConvs = ReturnType<typeof residualConvs>;

export function bindResidual(weights: Weights, { compress, depthwise, expand }: ResidualConvs) {
  return {
    compress: convWeights(weights, compress.name),
    bnCompress: batchNormParams(weights, compress.batchNorm),
    depthwise: convWeights(weights, depthwise.name),
    bnDepthwise: batchNormParams(weights, depthwise.batchNorm),
    expand: convWeights(weights, expand.name),
    bnExpand: batchNormParams(weights, expand.batchNorm),
  };
}

/** The layers from the expansion to where the branch meets the unit's input, `from`. */
export function closingLayers(
  unit: string,
  { strides, inChannels, outChannels }: ResidualShape,
  expandConv: ConvSpec,
  residual: Layer & { output: MapShape },
  from: string,
): Layer[] {
  const expand = convLayer(expandConv, residual.output, residual.name, []);
  const [height, width] = expand.output;
  const joined = [height, width, outChannels];
  const join = `${unit}.join`;
  if (strides === 1) return [expand, plainLayer(join, 'add, relu', joined, [expand.name, from])];
  const pooled = [height, width, inChannels];
  const pool = plainLayer(`${unit}.pool`, 'average pool 3×3 /2', pooled, [from]);
  const joinLayer = plainLayer(join, 'concat, relu', joined, [expand.name, pool.name]);
  return [expand, pool, joinLayer];
}
