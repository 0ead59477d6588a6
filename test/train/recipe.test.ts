import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import '../../src/backend/register.js';
import { readCheckpoint, writeSafetensors } from '../../src/checkpoints/checkpoint.js';
import { scanImageFolder } from '../../src/data/image_folder.js';
import { createModel } from '../../src/models/model.js';
import { loadState } from '../../src/models/state.js';
import { readDataConfig } from '../../src/train/data_config.js';
import { epochsWithoutImprovement } from '../../src/train/early_stopping.js';
import { evaluateModel } from '../../src/train/evaluate.js';
import { readOptimizerConfig, type OptimizerConfig } from '../../src/train/optimizer_config.js';
import { evaluationLoader } from '../../src/train/loaders.js';
import { trainNetwork, type SessionOptions } from '../../src/train/session.js';
import type { EpochRecord } from '../../src/train/training_state.js';
import { contents, sessionOptions, stopAfter } from './sessions.js';
import { makeTinyRun, type TinyRun } from './tiny_run.js';

let tiny: TinyRun;

beforeAll(async () => {
  await tf.setBackend('menet');
  tiny = await makeTinyRun();
});
afterAll(() => tiny.remove());

const session = (name: string, recipe: Partial<OptimizerConfig>, more: Partial<SessionOptions>) => {
  const optimizer = { ...readOptimizerConfig(tiny.optim), ...recipe } as OptimizerConfig;
  return sessionOptions(tiny, name, { optimizer, ...more });
};

describe('the whole recipe', () => {
  const recipe = {
    weight_decay_norms: false,
    label_smoothing: 0.1,
    ema_decay: 0.9,
    accumulate_steps: 2,
    clip_norm: 0.5,
  };
  const fed = () => ({
    ...readDataConfig(tiny.data),
    mixup_alpha: 0.2,
    cutmix_alpha: 1,
    random_augment: 'rand_augment' as const,
    random_erasing: 0.25,
    batch_size: 4,
  });

  it('is resumed to the same bits, after any step', async () => {
    const data = fed();
    const whole = await trainNetwork(session('whole', recipe, { data }));
    // 24 images in batches of 4 are 3 steps of 2 batches; 16 validation images 4 steps.
    expect((await readCheckpoint(whole.last)).metadata.global_step).toBe(6);
    for (const steps of [1, 2, 8]) {
      const name = `stopped-${steps}`;
      const stopped = await trainNetwork(session(name, recipe, { data, ...stopAfter(steps) }));
      expect(stopped.interrupted).toBe(true);
      const resumed = await trainNetwork(session(name, recipe, { data, resume: stopped.last }));
      for (const file of ['last', 'best'] as const)
        expect(await contents(resumed[file])).toEqual(await contents(whole[file]));
    }
  });

  it('takes the batches that are left for the last step', async () => {
    const steps: number[] = [];
    const run = session('rest', { accumulate_steps: 4, epochs: 1 }, { data: fed() });
    const progress = {
      ...run.progress,
      step: ({ images }: { images: number }) => steps.push(images),
    };
    await trainNetwork({ ...run, progress });
    expect(steps.slice(0, 2)).toEqual([16, 8]);
  });
});

describe('the moving average', () => {
  it('is what is validated and what the best checkpoint holds; the last one has both', async () => {
    const { last, best } = await trainNetwork(session('ema', { ema_decay: 0.9, epochs: 1 }, {}));
    const { tensors } = await readCheckpoint(last);
    const averaged = (await readCheckpoint(best)).tensors;
    expect([...averaged.keys()].some((name) => name.startsWith('ema.'))).toBe(false);
    const names = [...averaged.keys()].filter((name) => !name.startsWith('optimizer.'));
    expect(names.some((name) => name.endsWith('running_var'))).toBe(true);
    for (const name of names) {
      expect(averaged.get(name)).toEqual(tensors.get(`ema.${name}`));
      if (!name.endsWith('.bias')) expect(averaged.get(name)).not.toEqual(tensors.get(name));
    }
  });

  it('is what the scores are of', async () => {
    const run = session('ema', { ema_decay: 0.9, epochs: 1 }, {});
    const file = (name: string) => path.join(run.folder, `${name}.safetensors`);
    const scores = async (name: string) => {
      const { tensors } = await readCheckpoint(file(name));
      const model = createModel(run.model);
      loadState(model, tensors);
      const loader = evaluationLoader(await scanImageFolder(run.data.valid_root), run.data);
      const options = { title: '', imageSize: run.data.image_size, progress: run.progress };
      const { loss } = await evaluateModel(model, loader, options);
      await loader.close();
      model.dispose();
      return loss;
    };
    const { metadata } = await readCheckpoint(file('last'));
    const [{ valid }] = metadata.history as [EpochRecord];
    expect(await scores('best')).toBe(valid.loss);
    expect(await scores('last')).not.toBe(valid.loss);
  });

  it('begins with the weights of a checkpoint that has none', async () => {
    const plain = await trainNetwork(session('plain', { epochs: 1 }, {}));
    const more = { ema_decay: 0.5, epochs: 2, learning_rate: 1e-12, momentum: 0, nesterov: false };
    const file = path.join(tiny.folder, 'elsewhere.safetensors');
    const { tensors, metadata } = await readCheckpoint(plain.last);
    delete metadata.configuration; // of another recipe
    await writeSafetensors(file, { tensors, metadata });
    const run = await trainNetwork(session('plain-ema', more, { resume: file }));
    const found = (await readCheckpoint(run.last)).tensors;
    const name = 'classifier.weight';
    const expected = tensors.get(name)!.data as Float32Array;
    found.get(`ema.${name}`)!.data.forEach((value, i) => {
      expect(value as number).toBeCloseTo(expected[i]!, 6);
    });
  });
});

describe('early stopping', () => {
  const record = (top1: number) => ({ valid: { top1 } }) as EpochRecord;

  it.each([
    [[], 0],
    [[50], 0],
    [[50, 40, 45], 2],
    [[50, 40, 60], 0],
    [[50, 60, 60, 60], 2], // as good is not better
  ])('%j is %i epochs without improvement', (scores, expected) => {
    expect(epochsWithoutImprovement(scores.map(record))).toBe(expected);
  });

  it('ends the run, also when it is resumed', async () => {
    const stuck = { learning_rate: 1e-12, early_stopping_epochs: 2, epochs: 9 };
    const outcomes: string[] = [];
    const nothing = () => Promise.resolve();
    const observers = [
      {
        start: nothing,
        step: () => undefined,
        epoch: nothing,
        end: async (outcome: string) => void outcomes.push(outcome),
      },
    ];
    // Not even running statistics may change what is right.
    const run = session('stuck', { ...stuck, freeze_backbone: true }, { observers });
    const stopped = await trainNetwork(run);
    expect(stopped).toMatchObject({ stopped_early: true, interrupted: false });
    expect(stopped.epochs).toHaveLength(3);
    expect((await readCheckpoint(stopped.best)).metadata.last_epoch).toBe(0); // as good is not better
    const resumed = await trainNetwork({ ...run, resume: stopped.last });
    expect(resumed.epochs).toHaveLength(3);
    expect(outcomes).toEqual(['stopped early', 'stopped early']);
  });
});
