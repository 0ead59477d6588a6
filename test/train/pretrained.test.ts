import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import '../../src/backend/register.js';
import { makeDemoImages } from '../../src/data/demo_images.js';
import { InputError } from '../../src/errors.js';
import { createModel } from '../../src/models/model.js';
import { getState } from '../../src/models/state.js';
import { loadPretrained } from '../../src/train/pretrained.js';
import { silentProgress } from '../../src/train/progress.js';
import { trainNetwork, type SessionOptions } from '../../src/train/session.js';
import type { TrainingSummary } from '../../src/train/trainer.js';
import { sessionOptions } from './sessions.js';
import { makeTinyRun, tinyConfigurations, type TinyRun } from './tiny_run.js';

beforeAll(() => tf.setBackend('menet'));

const modelFor = (classes: number, seed = 0) =>
  createModel({ ...tinyConfigurations.model, num_classes: classes }, { seed });

describe('loadPretrained', () => {
  const classifier = ['classifier.weight', 'classifier.bias'];

  it('takes all but a classifier of other size, which it names', async () => {
    const source = await getState(modelFor(5, 1));
    const model = modelFor(8, 2);
    const before = await getState(model);
    const parallel = new Map([...source].map(([name, tensor]) => [`module.${name}`, tensor]));
    expect(await loadPretrained(model, parallel, 'a')).toEqual([
      'classifier.weight [5, 48]',
      'classifier.bias [5]',
    ]);
    for (const [name, tensor] of await getState(model))
      expect(tensor, name).toEqual((classifier.includes(name) ? before : source).get(name));
  });

  it('takes a classifier of the same size too', async () => {
    const source = await getState(modelFor(8, 1));
    const model = modelFor(8, 2);
    expect(await loadPretrained(model, source, 'a')).toEqual([]);
    expect(await getState(model)).toEqual(source);
  });

  it.each([
    [
      'a missing classifier',
      'classifier.weight',
      undefined,
      'classifier.weight: expected [8, 48], got nothing',
    ],
    ['a classifier of other inputs', 'classifier.weight', [5, 40], 'got [5, 40]'],
    [
      'another backbone',
      'features.init.conv.weight',
      [7, 3, 3, 3],
      'features.init.conv.weight: expected [6, 3, 3, 3], got [7, 3, 3, 3]',
    ],
  ])('rejects %s', async (_, name, shape, message) => {
    const source = await getState(modelFor(5, 1));
    if (shape) source.set(name, { shape, data: new Float32Array(tf.util.sizeFromShape(shape)) });
    else source.delete(name);
    const load = loadPretrained(modelFor(8, 2), source, 'a.safetensors');
    await expect(load).rejects.toThrow(InputError);
    await expect(load).rejects.toThrow(message);
  });
});

describe('fine-tuning', () => {
  let tiny: TinyRun;
  let folder: string;
  const first = ['circle', 'heart', 'ring', 'square'];
  const others = ['crescent', 'cross', 'star', 'triangle'];
  const configuration = {
    ...tinyConfigurations.model,
    block_channels: [24, 48, 96],
    block_layers: [1, 2, 1],
    init_c: 12,
    side_channels: [8, 8, 8],
    num_classes: 4,
    init_mode: 'fan_in' as const,
  };

  beforeAll(async () => {
    tiny = await makeTinyRun();
    folder = mkdtempSync(path.join(tmpdir(), 'menet-tune-'));
    const imagesPerClass = { train: 100, valid: 8 };
    const made = path.join(folder, 'images');
    await makeDemoImages(made, { seed: 2, imagesPerClass, imageSize: 54 });
    for (const [name, classes] of Object.entries({ first, others }))
      for (const part of ['train', 'valid'])
        for (const label of classes) {
          mkdirSync(path.join(folder, name, part), { recursive: true });
          cpSync(path.join(made, part, label), path.join(folder, name, part, label), {
            recursive: true,
          });
        }
  });
  afterAll(() => {
    tiny.remove();
    rmSync(folder, { recursive: true });
  });

  const run = (
    classes: string,
    name: string,
    recipe: object,
    more: Partial<SessionOptions> = {},
  ) => {
    const base = sessionOptions(tiny, name);
    const data = {
      ...base.data,
      train_root: path.join(folder, classes, 'train'),
      valid_root: path.join(folder, classes, 'valid'),
      transform: 'less_aggressive',
      batch_size: 16,
      image_size: 48,
      num_workers: 2,
    };
    const optimizer = { ...base.optimizer, learning_rate: 0.05, ...recipe };
    const schedule = {
      name: 'ExponentialLR' as const,
      gamma: 0.9,
      warmup_epochs: 0,
      warmup_factor: 1,
    };
    return trainNetwork({
      ...base,
      data,
      optimizer,
      model: configuration,
      schedule,
      ...more,
    });
  };

  it('beats training from scratch for as many steps', async () => {
    const { best } = await run('first', 'first', { epochs: 8 });
    const notes: string[] = [];
    const progress = { ...silentProgress, note: (text: string) => notes.push(text) };
    const recipe = { epochs: 2, backbone_rate_factor: 0.1 };
    const tuned = await run('others', 'tuned', recipe, { pretrained: best, progress });
    const scratch = await run('others', 'scratch', { epochs: 2 });
    const lossOf = ({ epochs }: TrainingSummary) => epochs.at(-1)!.valid.loss;
    expect(lossOf(tuned)).toBeLessThan(0.85 * lossOf(scratch));
    expect(notes).toEqual([]); // as many classes: the classifier is taken too
  }, 120_000);
});
