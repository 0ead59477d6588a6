import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import '../../src/backend/register.js';
import { readCheckpoint } from '../../src/checkpoints/checkpoint.js';
import { scanImageFolder } from '../../src/data/image_folder.js';
import { type Batch, ImageLoader } from '../../src/data/loader.js';
import { createModel } from '../../src/models/model.js';
import { readLog } from '../../src/report/log_file.js';
import { RunRecorder } from '../../src/report/recorder.js';
import type { Precision } from '../../src/precision.js';
import { evaluateModel } from '../../src/train/evaluate.js';
import { Learner } from '../../src/train/learner.js';
import { predictImage, type Prediction } from '../../src/train/predict.js';
import { readOptimizerConfig, type OptimizerConfig } from '../../src/train/optimizer_config.js';
import { silentProgress } from '../../src/train/progress.js';
import { trainNetwork, type SessionOptions } from '../../src/train/session.js';
import { runMenet } from '../cli/run_menet.js';
import { contents, sessionOptions, stopAfter } from './sessions.js';
import { makeTinyRun, type TinyRun } from './tiny_run.js';

let tiny: TinyRun;

beforeAll(async () => {
  await tf.setBackend('menet');
  tiny = await makeTinyRun();
});
afterAll(() => tiny.remove());

function session(name: string, recipe: Partial<OptimizerConfig>, more: Partial<SessionOptions>) {
  const optimizer = { ...readOptimizerConfig(tiny.optim), ...recipe } as OptimizerConfig;
  return sessionOptions(tiny, name, { optimizer, ...more });
}

describe('a run in fp16', () => {
  const recipe = { precision: 'fp16', epochs: 3, ema_decay: 0.9, clip_norm: 1 } as const;

  it('skips steps that overflow, recovers, and is resumed to the same bits', async () => {
    const notes: string[] = [];
    const run = session('whole', recipe, {});
    const report = (message: string) => void notes.push(message);
    const whole = await trainNetwork({
      ...run,
      progress: { ...silentProgress, note: report },
      observers: [new RunRecorder({ folder: run.folder, report })],
    });
    const { metadata } = await readCheckpoint(whole.last);
    const { scale, skipped_steps } = metadata.loss_scale as Record<string, number>;
    expect(skipped_steps).toBeGreaterThan(0);
    expect(scale).toBe(2 ** (16 - skipped_steps!));
    expect(metadata.global_step).toBe(9);
    expect(metadata.optimizer_steps).toBe(9 - skipped_steps!);
    expect(metadata.optimizer_steps).toBeGreaterThan(1);
    expect(notes).toHaveLength(skipped_steps!);
    expect(notes[0]).toBe('step 1 skipped: gradients overflow with the loss scaled by 65536');
    const steps = (await readLog(path.join(run.folder, 'log.jsonl'))).filter(
      (record) => record.type === 'step',
    );
    expect(steps.reduce((sum, { skipped = 0 }) => sum + skipped, 0)).toBe(skipped_steps);
    expect(steps.at(-1)!.loss_scale).toBe(scale);
    for (const count of [1, 4]) {
      const name = `stopped-${count}`;
      const stopped = await trainNetwork(session(name, recipe, stopAfter(count)));
      expect(stopped.interrupted).toBe(true);
      const resumed = await trainNetwork(session(name, recipe, { resume: stopped.last }));
      for (const file of ['last', 'best'] as const)
        expect(await contents(resumed[file])).toEqual(await contents(whole[file]));
    }
  });

  it('is not resumed in another precision', async () => {
    const { last } = await trainNetwork(session('half', recipe, stopAfter(1)));
    const other = session('half', { ...recipe, precision: 'bf16' }, { resume: last });
    await expect(trainNetwork(other)).rejects.toThrow(
      'field optimizer.precision: expected "bf16", as in this run, got "fp16"',
    );
  });

  it('needs the backend menet', async () => {
    await tf.setBackend('cpu');
    const run = trainNetwork(session('elsewhere', recipe, {}));
    await expect(run).rejects.toThrow(
      'optimizer configuration: field precision: expected float32 on other backends than menet, got "fp16"',
    );
    await tf.setBackend('menet');
  });
});

it.each(['bf16', 'fp16'] as const)(
  'images are evaluated and predicted in %s',
  async (precision) => {
    const { data, model: config } = session('', {}, {});
    const model = createModel(config, { seed: 1 });
    const images = await scanImageFolder(data.valid_root);
    const loader = new ImageLoader(images, {
      ...{ batchSize: 8, imageSize: 32, workers: 0, seed: 1 },
      ...{ transform: 'evaluate', shuffle: false },
    });
    const pixels = Uint8Array.from({ length: 32 * 32 * 3 }, (_, i) => (i * i) % 251);
    const image = { pixels, height: 32, width: 32 };
    const evaluate = async (precision?: Precision) => {
      const options = { title: '', imageSize: 32, progress: silentProgress, precision };
      const { loss } = await evaluateModel(model, loader, options);
      const [{ probability }] = (await predictImage(model, image, 1, precision)) as [Prediction];
      return { loss, probability };
    };
    const exact = await evaluate();
    expect(await evaluate('float32')).toMatchObject(exact);
    const found = await evaluate(precision);
    for (const key of ['loss', 'probability'] as const) {
      expect(found[key], key).not.toBe(exact[key]);
      expect(found[key] / exact[key], key).toBeCloseTo(1, 1);
    }
    await loader.close();
    model.dispose();
  },
);

describe('the shapes of the demo are learnt', () => {
  const precisions = ['float32', 'bf16', 'fp16'] as const;
  const folder = mkdtempSync(path.join(tmpdir(), 'menet-precision-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  /** The losses of steps that all see the same images. */
  async function learn(precision: Precision, batch: Batch): Promise<number[]> {
    const { data, optimizer, model: config } = session('', { precision, learning_rate: 0.05 }, {});
    const model = createModel(config, { seed: 1 });
    const learner = new Learner(model, { data, optimizer, seed: 1 });
    const losses: number[] = [];
    for (let step = 0; step < 40; step++) {
      const { loss } = await learner.learn(batch, 0, step);
      losses.push(loss);
      learner.update(0.05, step);
    }
    learner.dispose();
    model.dispose();
    return losses;
  }

  it('in every precision alike', async () => {
    const { data } = session('', {}, {});
    const images = await scanImageFolder(data.train_root);
    const options = { ...data, batchSize: 24, imageSize: 32, workers: 0, seed: 1, shuffle: true };
    const loader = new ImageLoader(images, { ...options, transform: 'evaluate' });
    const { value: batch } = await loader.epoch(0).next();
    const curves = await Promise.all(precisions.map((precision) => learn(precision, batch)));
    await loader.close();
    const [exact] = curves as [number[]];
    for (const losses of curves) {
      expect(losses[0]! / exact[0]!).toBeCloseTo(1, 1);
      expect(Math.max(...losses.slice(-8))).toBeLessThan(0.15);
    }
  });

  it.runIf(process.env.MENET_TEST_ALL)(
    'in every precision, by the whole demo',
    async () => {
      const top1: number[] = [];
      for (const precision of precisions) {
        const flags = ['--precision', precision, '--out', path.join(folder, precision)];
        const { code, stdout } = await runMenet(['demo', ...flags]);
        expect(code, stdout).toBe(0);
        top1.push(Number(/top-1 ([\d.]+) %/.exec(stdout)![1]));
      }
      expect(Math.max(...top1) - Math.min(...top1)).toBeLessThan(5);
    },
    1_800_000,
  );
});
