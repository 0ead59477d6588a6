import * as z from 'zod';
import { depthwiseSeparable } from '../ops/depthwise_separable.js';
import {
  batchNormParams,
  type Block,
  type ConvSpec,
  convEntries,
  convLayer,
  convWeights,
} from './block.js';
import { classifierBlock } from './classifier.js';
import { type Architecture, commonFields, registerFamily } from './registry.js';
import { stemBlock } from './stem.js';

/*
 * MobileNet: Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision
 * Applications", arXiv:1704.04861, and the paper's shallow variant.
 */

/** Width, at multiplier 1, and strides of each depthwise separable block. */
type Blocks = readonly (readonly [channels: number, strides: 1 | 2])[];

const opening: Blocks = [
  [64, 1],
  [128, 2],
  [128, 1],
  [256, 2],
  [256, 1],
  [512, 2],
];

const closing: Blocks = [
  [1024, 2],
  [1024, 1],
];

const variants: Record<string, Blocks> = {
  mobilenet: [...opening, ...Array.from({ length: 5 }, () => [512, 1] as const), ...closing],
  shallow_mobilenet: [...opening, ...closing],
};

const STEM_WIDTH = 32;

const commonMobileNetFields = {
  /** factor of all widths; at least one channel is left of the stem's 32 */
  width_mul: z
    .number()
    .min(1 / STEM_WIDTH)
    .max(10),
  ...commonFields,
};

type MobileNetConfig = z.output<z.ZodObject<typeof commonMobileNetFields>>;

/** Widths and strides of a depthwise separable block. */
export interface SeparableShape {
  inChannels: number;
  outChannels: number;
  strides: 1 | 2;
}

/** The blocks of `mobilenet` or `shallow_mobilenet` with a multiplier of widths. */
export function separableShapes(name: string, widthMultiplier: number): SeparableShape[] {
  let inChannels = Math.trunc(STEM_WIDTH * widthMultiplier);
  return (variants[name] as Blocks).map(([channels, strides]) => {
    const outChannels = Math.trunc(channels * widthMultiplier);
    const shape = { inChannels, outChannels, strides };
    inChannels = outChannels;
    return shape;
  });
}

function build(name: string, { width_mul, num_classes }: MobileNetConfig): Architecture {
  const shapes = separableShapes(name, width_mul);
  const stemWidth = (shapes[0] as SeparableShape).inChannels;
  const stemNames = { conv: 'features.conv_0', batchNorm: 'features.norm_0' };
  const { outChannels } = shapes.at(-1) as SeparableShape;
  return {
    features: [stemBlock(stemNames, stemWidth), ...shapes.map(separableBlock)],
    classifier: classifierBlock(outChannels, num_classes),
  };
}

function separableBlock({ inChannels, outChannels, strides }: SeparableShape, i: number): Block {
  const conv = (kind: string, rest: Omit<ConvSpec, 'name' | 'batchNorm' | 'inChannels'>) => ({
    name: `features.${kind}_conv_${i}`,
    batchNorm: `features.${kind}_norm_${i}`,
    inChannels,
    ...rest,
  });
  const depthwise = conv('dw', { kernel: 3, outChannels: inChannels, groups: inChannels, strides });
  const pointwise = conv('pw', { kernel: 1, outChannels, groups: 1, strides: 1 });
  return {
    entries: [depthwise, pointwise].flatMap(convEntries),
    bind(weights) {
      const params = {
        depthwise: convWeights(weights, depthwise.name),
        bnDepthwise: batchNormParams(weights, depthwise.batchNorm),
        pointwise: convWeights(weights, pointwise.name),
        bnPointwise: batchNormParams(weights, pointwise.batchNorm),
      };
      return (x, { training }) => depthwiseSeparable(x, params, { strides, training });
    },
    layers(input, from) {
      const unit = `block_${i}`;
      const first = { ...convLayer(depthwise, input, from, ['relu']), unit };
      const second = convLayer(pointwise, first.output, first.name, ['relu']);
      return [first, { ...second, unit }];
    },
  };
}

for (const name of Object.keys(variants)) {
  registerFamily(name, {
    schema: z.strictObject({ name: z.literal(name), ...commonMobileNetFields }),
    build: (config) => build(name, config),
  });
}
