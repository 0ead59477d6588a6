import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import '../../src/backend/register.js';
import { readCheckpoint, writeSafetensors } from '../../src/checkpoints/checkpoint.js';
import { readModelConfig } from '../../src/models/model.js';
import { readLog } from '../../src/report/log_file.js';
import { RunRecorder } from '../../src/report/recorder.js';
import type {
  EpochEvent,
  Outcome,
  RunStart,
  StepEvent,
  TrainingObserver,
} from '../../src/train/observer.js';
import { readOptimizerConfig } from '../../src/train/optimizer_config.js';
import { trainNetwork, type SessionOptions } from '../../src/train/session.js';
import { contents, sessionOptions, stopAfter } from './sessions.js';
import { makeTinyRun, type TinyRun } from './tiny_run.js';

let tiny: TinyRun;

beforeAll(async () => {
  await tf.setBackend('menet');
  tiny = await makeTinyRun();
});
afterAll(() => tiny.remove());

const session = (name: string, changed: Partial<SessionOptions> = {}) =>
  sessionOptions(tiny, name, changed);

/** What observers are told, in words. */
class Diary implements TrainingObserver {
  readonly lines: string[] = [];
  start({ configuration, resumedAt, stepsPerEpoch, history }: RunStart) {
    const { epoch, step, globalStep } = resumedAt;
    const { seed, backend } = configuration;
    this.lines.push(`start ${epoch} ${step} ${globalStep} of ${stepsPerEpoch}, seed ${seed}`);
    this.lines.push(`${backend}, ${history.length} epochs before`);
    return Promise.resolve();
  }
  step({ epoch, step, globalStep, learningRate, images }: StepEvent) {
    this.lines.push(`step ${epoch} ${step} ${globalStep}, rate ${learningRate}, ${images} images`);
  }
  async epoch({ record }: EpochEvent) {
    await setImmediate(); // the run must wait for it
    this.lines.push(`epoch ${record.epoch}`);
  }
  end(outcome: Outcome) {
    this.lines.push(outcome);
    return Promise.resolve();
  }
}

describe('trainNetwork', () => {
  it('writes checkpoints with weights, momentum and state', async () => {
    const before = tf.memory().numTensors;
    const summary = await trainNetwork(session('whole'));
    expect(tf.memory().numTensors).toBe(before);
    expect(summary.interrupted).toBe(false);
    expect(summary.epochs.map(({ learning_rate }) => learning_rate)).toEqual([0.02, 0.01]);
    const { tensors, metadata } = await readCheckpoint(summary.last);
    expect(metadata).toMatchObject({ model_name: 'menet', last_epoch: 1, step: 0, seed: 3 });
    expect(metadata.classes).toEqual([
      'circle',
      'crescent',
      'cross',
      'heart',
      'ring',
      'square',
      'star',
      'triangle',
    ]);
    const weights = [...tensors.keys()].filter((name) => !name.startsWith('optimizer.'));
    const trained = weights.filter((name) => !/running_/.test(name));
    for (const name of trained)
      expect(tensors.get(`optimizer.momentum.${name}`)?.shape).toEqual(tensors.get(name)?.shape);
    const best = await readCheckpoint(summary.best);
    expect(best.metadata.best_prec1).toBe(summary.best_top1);
  });

  it('gives the same bits for the same seed, and others for another', async () => {
    const first = await contents(path.join(tiny.folder, 'whole', 'last.safetensors'));
    const again = await trainNetwork(session('again'));
    const other = await trainNetwork(session('other', { seed: 4 }));
    expect(await contents(again.last)).toEqual(first);
    expect((await contents(other.last)).bytes).not.toEqual(first.bytes);
  });

  it.each([
    [1, 'inside an epoch', { last_epoch: -1, step: 1 }],
    [3, 'before validation', { last_epoch: -1, step: 3 }],
    [4, 'inside validation', { last_epoch: -1, step: 3 }],
    [6, 'inside the second epoch', { last_epoch: 0, step: 1 }],
  ])('interrupted after %i steps (%s), goes on to the same bits', async (steps, _, state) => {
    const name = `stopped-${steps}`;
    const stopped = await trainNetwork(session(name, stopAfter(steps)));
    expect(stopped.interrupted).toBe(true);
    expect((await readCheckpoint(stopped.last)).metadata).toMatchObject(state);
    const resumed = await trainNetwork(session(name, { resume: stopped.last, seed: 99 }));
    const whole = path.join(tiny.folder, 'whole');
    for (const file of ['last.safetensors', 'best.safetensors'])
      expect(await contents(path.join(path.dirname(resumed.last), file))).toEqual(
        await contents(path.join(whole, file)),
      );
  });

  it('keeps the best checkpoint where nothing better came', async () => {
    const stopped = path.join(tiny.folder, 'unbeaten', 'stopped.safetensors');
    const run = await trainNetwork(session('unbeaten', stopAfter(6)));
    const { tensors, metadata } = await readCheckpoint(run.last);
    await writeSafetensors(stopped, { tensors, metadata: { ...metadata, best_prec1: 100 } });
    const best = readFileSync(run.best);
    const summary = await trainNetwork(session('unbeaten', { resume: stopped }));
    expect(summary.best_top1).toBe(100);
    expect(readFileSync(run.best).equals(best)).toBe(true);
  });

  it('stops when the loss is no number, leaving the checkpoint from before', async () => {
    const optimizer = { ...readOptimizerConfig(tiny.optim), learning_rate: 1e30 };
    const { last } = await trainNetwork(session('diverging', stopAfter(1)));
    const bytes = readFileSync(last);
    const { tensors, metadata } = await readCheckpoint(last);
    const resume = path.join(path.dirname(last), 'without-configuration.safetensors');
    await writeSafetensors(resume, {
      tensors,
      metadata: { ...metadata, configuration: undefined },
    });
    const run = trainNetwork(session('diverging', { optimizer, resume }));
    await expect(run).rejects.toThrow(/the loss is (NaN|Infinity) in epoch 1/);
    expect(readFileSync(last).equals(bytes)).toBe(true);
  });

  it('stops when the validation loss is no number, which no checkpoint could say', async () => {
    const { last, best } = await trainNetwork(session('invalid', stopAfter(3)));
    const { tensors, metadata } = await readCheckpoint(last);
    const variances = [...tensors].filter(([name]) => name.endsWith('running_var'));
    for (const [, { data }] of variances) (data as Float32Array).fill(NaN);
    await writeSafetensors(last, { tensors, metadata });
    const bytes = readFileSync(last);
    const run = trainNetwork(session('invalid', { resume: last }));
    await expect(run).rejects.toThrow(/the validation loss is NaN in epoch 1 at learning rate/);
    expect(readFileSync(last).equals(bytes)).toBe(true);
    expect(existsSync(best)).toBe(false);
  });
});

it('a run that goes on with another batch size keeps its own', async () => {
  const { last } = await trainNetwork(session('batches', stopAfter(5)));
  const { tensors, metadata } = await readCheckpoint(last);
  const old = { ...metadata, step: 0, batch_size: 4, configuration: undefined };
  await writeSafetensors(last, { tensors, metadata: old });
  await trainNetwork(session('batches', { resume: last, ...stopAfter(1) }));
  expect((await readCheckpoint(last)).metadata.batch_size).toBe(8);
  await trainNetwork(session('batches', { resume: last }));
});

describe('observers', () => {
  it('are told of every step and epoch', async () => {
    const first = new Diary();
    const second = new Diary();
    await trainNetwork(session('observed', { observers: [first, second] }));
    const steps = (epoch: number, rate: number) =>
      [1, 2, 3].map((n) => `step ${epoch} ${n} ${3 * epoch + n}, rate ${rate}, 8 images`);
    expect(first.lines).toEqual([
      'start 0 0 0 of 3, seed 3',
      'menet, 0 epochs before',
      ...steps(0, 0.02),
      'epoch 0',
      ...steps(1, 0.01),
      'epoch 1',
      'finished',
    ]);
    expect(second.lines).toEqual(first.lines);
  });

  it('are told the rate of each step while it warms up, and where validation went wrong', async () => {
    const rates: number[] = [];
    const epochs: EpochEvent[] = [];
    const observer: TrainingObserver = {
      start: () => Promise.resolve(),
      step: ({ learningRate }) => void rates.push(learningRate),
      epoch: (event) => Promise.resolve(void epochs.push(event)),
      end: () => Promise.resolve(),
    };
    const base = session('warm', { observers: [observer] });
    const schedule = { ...base.schedule, warmup_epochs: 1, warmup_factor: 0.25 };
    await trainNetwork({ ...base, schedule });
    const expected = [0.005, 0.01, 0.015, 0.01, 0.01, 0.01]; // of 0.02, which halves in each epoch
    rates.forEach((rate, step) => expect(rate).toBeCloseTo(expected[step]!, 10));
    expect(rates).toHaveLength(6);
    const [{ record, validation }] = epochs as [EpochEvent];
    expect(record.learning_rate).toBeCloseTo(0.015, 10);
    const { confusion, worst } = validation!;
    expect(confusion.reduce((sum, images) => sum + images)).toBe(16);
    expect(worst).toHaveLength(Math.round(16 * (1 - record.valid.top1 / 100)));
    expect(worst.every(({ file }) => existsSync(file))).toBe(true);
  });

  it('are told where a run goes on, and how it ends', async () => {
    const diary = new Diary();
    const observed = { observers: [diary] };
    const { last } = await trainNetwork(session('o2', { ...stopAfter(7), ...observed }));
    await trainNetwork(session('o2', { ...stopAfter(1), ...observed, resume: last }));
    const optimizer = { ...readOptimizerConfig(tiny.optim), learning_rate: 1e30 };
    await trainNetwork(session('o3', { ...observed, optimizer })).catch(() => undefined);
    const interesting = diary.lines.filter((line) => !/^(step|epoch)/.test(line));
    expect(interesting).toEqual([
      'start 0 0 0 of 3, seed 3',
      'menet, 0 epochs before',
      'interrupted',
      'start 1 2 5 of 3, seed 3',
      'menet, 1 epochs before',
      'interrupted',
      'start 0 0 0 of 3, seed 3',
      'menet, 0 epochs before',
      'diverged',
    ]);
  });
});

it('observers are flushed before the checkpoint that has what they were told', async () => {
  const last = path.join(tiny.folder, 'flushed', 'last.safetensors');
  const saved: unknown[] = [];
  const observer = {
    ...{ start: () => Promise.resolve(), step: () => undefined },
    ...{ epoch: () => Promise.resolve(), end: () => Promise.resolve() },
    async flush() {
      saved.push(existsSync(last) ? (await readCheckpoint(last)).metadata.global_step : 0);
    },
  };
  const once = { ...stopAfter(5), saveEvery: 2 }; // three steps of training, two of validation
  await trainNetwork(session('flushed', { observers: [observer], ...once }));
  expect(saved).toEqual([0, 2]);
  await trainNetwork(session('flushed', { observers: [observer], resume: last, ...stopAfter(9) }));
  expect(saved).toEqual([0, 2, 3, 3]);
});

describe('a run that fails', () => {
  const broken: TrainingObserver = {
    start: () => Promise.resolve(),
    step: ({ globalStep }) => {
      if (globalStep === 2) throw new Error('no more\nin detail');
    },
    epoch: () => Promise.resolve(),
    end: () => Promise.resolve(),
  };

  it('tells observers why, in one line', async () => {
    const ends: unknown[] = [];
    const listener = { ...broken, end: async (...end: unknown[]) => void ends.push(end) };
    const run = trainNetwork(session('failing', { observers: [listener] }));
    await expect(run).rejects.toThrow('no more\nin detail');
    expect(ends).toEqual([['failed', 'no more']]);
  });

  it('fails with its own error where observers cannot be told', async () => {
    const deaf = { ...broken, end: () => Promise.reject(new Error('the disk is full')) };
    const run = trainNetwork(session('untold', { observers: [deaf] }));
    await expect(run).rejects.toThrow('no more');
  });

  it('has its end in its log, even where it is a start that fails', async () => {
    const folder = path.join(tiny.folder, 'unstarted');
    const recorder = new RunRecorder({ folder, report: () => undefined });
    const late = { ...broken, start: () => Promise.reject(new Error('too late')) };
    const run = trainNetwork(session('unstarted', { observers: [recorder, late] }));
    await expect(run).rejects.toThrow('too late');
    const records = await readLog(path.join(folder, 'log.jsonl'));
    expect(records.at(-1)).toMatchObject({ type: 'end', outcome: 'failed', reason: 'too late' });
  });
});

describe('trainNetwork rejects', () => {
  it('another number of classes', async () => {
    const model = { ...readModelConfig(tiny.model), num_classes: 7 };
    await expect(trainNetwork(session('x', { model }))).rejects.toThrow(
      /field num_classes: expected 8, the class folders of .*, got 7/,
    );
  });

  it('a checkpoint of other classes, image size, batch size, number of images or model', async () => {
    const file = path.join(tiny.folder, 'whole', 'last.safetensors');
    const changedFile = path.join(tiny.folder, 'changed.safetensors');
    const checkpoint = await readCheckpoint(file);
    const resumeWith = async (metadata: object, changed: Partial<SessionOptions> = {}) => {
      await writeSafetensors(changedFile, {
        ...checkpoint,
        metadata: { ...checkpoint.metadata, ...metadata },
      });
      return trainNetwork(session('x', { resume: changedFile, ...changed }));
    };
    await expect(resumeWith({ classes: ['cat', 'dog'] })).rejects.toThrow(/classes: expected/);
    await expect(resumeWith({ image_size: 64 })).rejects.toThrow(/image_size: expected 32/);
    await expect(resumeWith({ step: 1, batch_size: 4 })).rejects.toThrow(/batch_size: expected 8/);
    await expect(resumeWith({ step: 1, train_images: 23 })).rejects.toThrow(
      /train_images: expected 24, as in this run, got 23/,
    );
    await expect(resumeWith({ last_epoch: 'two' })).rejects.toThrow(/last_epoch: expected/);
    const model = { ...readModelConfig(tiny.model), init_c: 3 } as SessionOptions['model'];
    await expect(resumeWith({}, { model })).rejects.toThrow(
      /changed\.safetensors: field model\.init_c: expected 3, as in this run, got 6/,
    );
    await expect(resumeWith({ configuration: undefined }, { model })).rejects.toThrow(
      /changed\.safetensors: entry .*expected/,
    );
  });
});
