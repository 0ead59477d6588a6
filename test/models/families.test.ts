import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, test } from 'vitest';
import { InputError } from '../../src/errors.js';
import { createModel, type ModelConfig, readModelConfig } from '../../src/models/model.js';
import { configFile } from './expected_networks.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/* Parameters and multiplications at 224×224, from the papers' tables and nothing else. */

interface Counts {
  params: number;
  macs: number;
}

/** A convolution without bias to `size`×`size` pixels, and its batch norm. */
const conv = (kernel: number, from: number, to: number, groups: number, size: number): Counts => {
  const weights = (kernel ** 2 * from * to) / groups;
  return { params: weights + 2 * to, macs: weights * size ** 2 };
};

const classifier = (from: number): Counts => ({ params: (from + 1) * 1000, macs: from * 1000 });

const total = (...parts: Counts[]): Counts => ({
  params: parts.reduce((sum, part) => sum + part.params, 0),
  macs: parts.reduce((sum, part) => sum + part.macs, 0),
});

/** Stages of 4, 8 and 4 units behind a stem; `side` wide merge-evolve branches where not 0. */
function stagedNet(init: number, stages: number[], groups: number, side: number): Counts {
  const parts = [conv(3, 3, init, 1, 112)];
  let from = init;
  stages.forEach((to, stage) => {
    const out = 28 / 2 ** stage;
    for (let unit = 0; unit < [4, 8, 4][stage]!; unit++) {
      const size = unit === 0 ? 2 * out : out;
      const middle = to / 4;
      parts.push(conv(1, from, middle, from === init ? 1 : groups, size));
      parts.push(conv(3, middle, middle, middle, out));
      parts.push(conv(1, middle, unit === 0 ? to - from : to, groups, out));
      if (side > 0) {
        parts.push(conv(1, middle, side, 1, size), conv(3, side, side, 1, out));
        parts.push(conv(1, side, middle, 1, out));
      }
      from = to;
    }
  });
  return total(...parts, classifier(from));
}

/** Width of the stem and of each block's output, and the size of its maps. */
function separableNet(stem: number, blocks: [to: number, size: number][]): Counts {
  let from = stem;
  const parts = blocks.map(([to, size]) => {
    const block = total(conv(3, from, from, from, size), conv(1, from, to, 1, size));
    from = to;
    return block;
  });
  return total(conv(3, 3, stem, 1, 112), ...parts, classifier(from));
}

const shallow: [to: number, size: number][] = [
  [64, 112],
  [128, 56],
  [128, 56],
  [256, 28],
  [256, 28],
  [512, 14],
  [1024, 7],
  [1024, 7],
];

const shufflenet = (groups: number, fields: object = {}) => ({
  ...{ name: `shufflenet_group_${groups}`, init_mul: 1, width_mul: 1, init_mode: 'fan_out' },
  ...fields,
});

const mobilenet = (name: string, width_mul: unknown) => ({ name, width_mul, init_mode: 'fan_in' });

test.each<[string, object, Counts]>([
  [
    '160-MENet-8x1 (g=8)',
    readModelConfig(configFile('160-MENet-8x1-group-8')),
    stagedNet(16, [160, 320, 640], 8, 8),
  ],
  ['ShuffleNet 1× (g=1)', shufflenet(1), stagedNet(24, [144, 288, 576], 1, 0)],
  ['ShuffleNet 1× (g=2)', shufflenet(2), stagedNet(24, [200, 400, 800], 2, 0)],
  [
    'ShuffleNet 0.299× (g=3), widths rounded up to its groups',
    shufflenet(3, { init_mul: 0.46, width_mul: 0.299 }),
    stagedNet(12, [72, 144, 288], 3, 0),
  ],
  ['shallow MobileNet', mobilenet('shallow_mobilenet', 1), separableNet(32, shallow)],
  [
    'shallow MobileNet 0.3×, widths rounded down',
    mobilenet('shallow_mobilenet', 0.3),
    separableNet(
      9,
      shallow.map(([to, size]) => [Math.floor(to * 0.3), size]),
    ),
  ],
])('%s has as many parameters and multiplications as its formula', (_, config, counts) => {
  const model = createModel(config as ModelConfig);
  expect(total(...model.layers())).toEqual(counts);
  const trained = [...model.variables.values()].filter(({ trainable }) => trainable);
  expect(trained.reduce((sum, { size }) => sum + size, 0)).toBe(counts.params);
  model.dispose();
});

const names =
  '"menet", "mobilenet", "shallow_mobilenet", "shufflenet_group_1", "shufflenet_group_2", ' +
  '"shufflenet_group_3", "shufflenet_group_4", "shufflenet_group_8"';

test.each<[object, string]>([
  [
    mobilenet('mobilnet', 1),
    `field name: expected one of ${names}, got "mobilnet"; did you mean "mobilenet"?`,
  ],
  [
    shufflenet(5),
    `field name: expected one of ${names}, got "shufflenet_group_5"; ` +
      'did you mean "shufflenet_group_4"?',
  ],
  [mobilenet('mobilenet', 0), 'field width_mul: expected at least 0.03125, got 0'],
  [mobilenet('mobilenet', 10.5), 'field width_mul: expected at most 10, got 10.5'],
  [mobilenet('mobilenet', '1'), 'field width_mul: expected type number, got "1"'],
  [
    { ...mobilenet('shallow_mobilenet', 1), init_mul: 1 },
    'field init_mul: expected no such field, got 1',
  ],
  [shufflenet(1, { width_mul: -1 }), 'field width_mul: expected more than 0, got -1'],
  [shufflenet(8, { width_mul: 11 }), 'field width_mul: expected at most 10, got 11'],
  [shufflenet(3, { init_mul: 0.04 }), 'field init_mul: expected at least 1/24, got 0.04'],
  [
    shufflenet(3, { width_mul: 0.33 }),
    'field width_mul: expected groups (3) to divide the bottleneck of 20 in stage 1 of 81 ' +
      'channels, got 0.33',
  ],
  [
    shufflenet(2, { init_mul: 9 }),
    'field width_mul: expected more than the 216 channels before stage 1 of 200 channels, got 1',
  ],
  [shufflenet(4, { groups: 4 }), 'field groups: expected no such field, got 4'],
])('%j is rejected', (config, message) => {
  expect(() => createModel(config as ModelConfig)).toThrow(
    new InputError(`model configuration: ${message}`),
  );
});
