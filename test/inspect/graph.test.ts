import sharp from 'sharp';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { drawModel } from '../../src/inspect/graph.js';
import { groupUnits } from '../../src/inspect/units.js';
import { createModel, type Model } from '../../src/models/model.js';
import { tinyConfig, tinyRelatives } from '../models/tiny_config.js';

let model: Model;

beforeAll(async () => {
  await tf.setBackend('cpu');
  model = createModel({ ...tinyConfig, block_layers: [1, 3, 2] });
});

afterAll(() => model.dispose());

test('neighbouring units of a kind are one part, and kinds differ in their layers', () => {
  const { parts, kinds } = groupUnits(model.layers());
  const names = parts.map((part) =>
    'kind' in part ? part.units.map((u) => u.name) : part.layer.name,
  );
  expect(names).toEqual([
    'features.init.conv',
    'features.init.pool',
    ['stage_1_1'],
    ['stage_1_2'],
    ['stage_2_1'],
    ['stage_2_2', 'stage_2_3', 'stage_2_4'],
    ['stage_3_1'],
    ['stage_3_2', 'stage_3_3'],
    'pool',
    'classifier',
  ]);
  expect(kinds.map((kind) => kind.members.length)).toEqual([1, 6, 2]);
});

test.each([
  [tinyRelatives[0]!, 'stage_1_2 – stage_1_4', [1, 13, 2]],
  [tinyRelatives[1]!, 'block_6 – block_10', [9, 4]],
] as const)('draws $name', async (config, units, kinds) => {
  const relative = createModel(config);
  expect(groupUnits(relative.layers()).kinds.map((kind) => kind.members.length)).toEqual(kinds);
  expect(await drawModel(relative)).toContain(units);
  relative.dispose();
});

test('draws an SVG document that shows every part and the inside of every kind', async () => {
  const svg = await drawModel(model, { name: 'tiny <10> & "quoted" \\n' });
  const texts = [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) =>
    (text as string).replaceAll('&#45;', '-').replaceAll('&#160;', ' '),
  );
  expect(texts[0]).toBe('tiny &lt;10&gt; &amp; &quot;quoted&quot; \\n');
  for (const text of ['unit A', 'unit B × 3', 'stage_2_2 – stage_2_4', 'stage 3', 'classifier']) {
    expect(texts).toContain(text);
  }
  expect(texts.filter((text) => text === 'gate')).toHaveLength(3);
  expect(texts).toContain('inside unit C: stage_2_1 and 1 more');
  const { width, height } = await sharp(Buffer.from(svg)).metadata();
  expect(Math.min(width, height)).toBeGreaterThan(500);
});
