import * as z from 'zod';
import { shuffleUnit } from '../ops/shuffle_unit.js';
import { type Block, convEntries, convLayer } from './block.js';
import { classifierBlock } from './classifier.js';
import { type Architecture, commonFields, registerFamily } from './registry.js';
import {
  bindResidual,
  bottleneck,
  closingLayers,
  residualConvs,
  type ResidualShape,
} from './residual_branch.js';
import { stemBlock } from './stem.js';

/*
 * ShuffleNet: Zhang et al., "ShuffleNet: An Extremely Efficient Convolutional Neural Network for
 * Mobile Devices", arXiv:1707.01083. One name for each number of groups.
 */

/** Width of the first stage by groups; each stage doubles it. */
const firstWidths = { 1: 144, 2: 200, 3: 240, 4: 272, 8: 384 } as const;

const allGroups = [1, 2, 3, 4, 8] as const;

type Groups = (typeof allGroups)[number];

const STEM_WIDTH = 24;

/** Units of each stage. */
const stageUnits = [4, 8, 4];

function schemaOf(groups: Groups) {
  return z
    .strictObject({
      name: z.literal(`shufflenet_group_${groups}`),
      /** factor of the stem's width */
      init_mul: z.number().positive().max(100),
      /** factor of the stages' widths */
      width_mul: z.number().positive().max(10),
      ...commonFields,
    })
    .superRefine((config, context) => {
      for (const { field, message } of inconsistencies(config, groups)) {
        context.addIssue({ code: 'custom', path: [field], message });
      }
    });
}

type ShuffleNetConfig = z.output<ReturnType<typeof schemaOf>>;

type Multipliers = Pick<ShuffleNetConfig, 'init_mul' | 'width_mul'>;

/** Widths of the stem and of the stages: the product's whole part, rounded up to the groups. */
function widthsOf({ init_mul, width_mul }: Multipliers, groups: Groups) {
  const multiple = (width: number) => Math.ceil(Math.trunc(width) / groups) * groups;
  return {
    stem: multiple(STEM_WIDTH * init_mul),
    stages: stageUnits.map((_, i) => multiple(firstWidths[groups] * 2 ** i * width_mul)),
  };
}

/** Multipliers in range that make no network: too narrow, or in other groups. */
function inconsistencies(config: Multipliers, groups: Groups) {
  const { stem, stages } = widthsOf(config, groups);
  const found: { field: string; message: string }[] = [];
  if (stem === 0) found.push({ field: 'init_mul', message: `at least 1/${STEM_WIDTH}` });
  stages.forEach((width, i) => {
    const before = stages[i - 1] ?? stem;
    const middle = bottleneck(width);
    const stage = `stage ${i + 1} of ${width} channels`;
    let message: string | undefined;
    if (width <= before) message = `more than the ${before} channels before ${stage}`;
    else if (middle === 0 || middle % groups !== 0)
      message = `groups (${groups}) to divide the bottleneck of ${middle} in ${stage}`;
    if (message) found.push({ field: 'width_mul', message });
  });
  return found;
}

function build(config: ShuffleNetConfig, groups: Groups): Architecture {
  const widths = widthsOf(config, groups);
  const names = { conv: 'features.conv_1', batchNorm: 'features.norm_1' };
  const features = [stemBlock({ ...names, pool: 'features.pool_1' }, widths.stem)];
  let inChannels = widths.stem;
  widths.stages.forEach((outChannels, stage) => {
    for (let unit = 0; unit < (stageUnits[stage] as number); unit++) {
      const name = `features.stage_${stage + 1}_${unit + 1}`;
      const strides = unit === 0 ? 2 : 1;
      // The stem's output is too narrow to convolve in groups.
      const compressGroups = stage === 0 && unit === 0 ? 1 : groups;
      const shape = { inChannels, outChannels, strides, groups, compressGroups } as const;
      features.push(shuffleUnitBlock(name, shape));
      inChannels = outChannels;
    }
  });
  return { features, classifier: classifierBlock(inChannels, config.num_classes) };
}

function shuffleUnitBlock(unit: string, shape: ResidualShape): Block {
  const convs = residualConvs(unit, shape);
  const { groups, strides } = shape;
  return {
    entries: Object.values(convs).flatMap(convEntries),
    bind(weights) {
      const params = bindResidual(weights, convs);
      return (x, { training }) => shuffleUnit(x, params, { groups, strides, training });
    },
    layers(input, from) {
      const compress = convLayer(convs.compress, input, from, ['relu', 'channel shuffle']);
      const depthwise = convLayer(convs.depthwise, compress.output, compress.name, []);
      const closing = closingLayers(unit, shape, convs.expand, depthwise, from);
      return [compress, depthwise, ...closing];
    },
  };
}

for (const groups of allGroups) {
  registerFamily(`shufflenet_group_${groups}`, {
    schema: schemaOf(groups),
    build: (config) => build(config, groups),
  });
}
