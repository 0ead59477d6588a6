import * as z from 'zod';
import { classifierBlock } from './classifier.js';
import { meUnitBlock } from './me_unit.js';
import { type Architecture, commonFields, registerFamily } from './registry.js';
import { bottleneck } from './residual_branch.js';
import { stemBlock } from './stem.js';

/*
 * MENet: Qin et al., "Merging and Evolution: Improving Convolutional Neural Networks for Mobile
 * Applications", arXiv:1803.09127.
 */

const width = z.int().min(1).max(16384);

const schema = z
  .strictObject({
    name: z.literal('menet'),
    /** width of each stage */
    block_channels: z.array(width.min(4)).min(1),
    /** units of each stage after its downsampling one */
    block_layers: z.array(z.int().min(0).max(1000)).min(1),
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

registerFamily('menet', { schema, build });
