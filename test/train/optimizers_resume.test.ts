import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import '../../src/backend/register.js';
import { readCheckpoint } from '../../src/checkpoints/checkpoint.js';
import { type OptimizerConfig, readOptimizerConfig } from '../../src/train/optimizer_config.js';
import type { ScheduleConfig } from '../../src/train/schedule_config.js';
import { trainNetwork } from '../../src/train/session.js';
import { contents, sessionOptions, stopAfter } from './sessions.js';
import { makeTinyRun, type TinyRun } from './tiny_run.js';

const published = path.resolve(import.meta.dirname, '../../config/imagenet/optim-config');
const betas: [number, number] = [0.9, 0.99];
const others: Record<string, object> = {
  Adam: { name: 'Adam', learning_rate: 0.001, betas, epsilon: 1e-8 },
  AdamW: { name: 'AdamW', learning_rate: 0.001, betas, epsilon: 1e-8 },
  Adadelta: { name: 'Adadelta', learning_rate: 1, rho: 0.9, epsilon: 1e-6 },
};

let tiny: TinyRun;

beforeAll(async () => {
  await tf.setBackend('menet');
  tiny = await makeTinyRun();
});
afterAll(() => tiny.remove());

function optimizerOf(name: string): OptimizerConfig {
  const file = name.endsWith('.json') ? path.join(published, name) : tiny.optim;
  return { ...readOptimizerConfig(file), ...others[name], epochs: 2 };
}

const schedule: ScheduleConfig = {
  name: 'CosineAnnealingLR',
  T_max: 2,
  eta_min: 0,
  warmup_epochs: 1,
  warmup_factor: 0.1,
};

it.each(['RMSprop.json', ...Object.keys(others)])(
  'a run with %s, stopped and resumed, ends with the bits of one that was not stopped',
  async (name) => {
    const optimizer = optimizerOf(name);
    const run = (folder: string, more: object) =>
      trainNetwork(sessionOptions(tiny, `${name}-${folder}`, { optimizer, schedule, ...more }));
    const whole = await run('whole', {});
    const stopped = await run('stopped', stopAfter(2));
    expect(stopped.interrupted).toBe(true);
    expect((await readCheckpoint(stopped.last)).metadata.optimizer_steps).toBe(2);
    const resumed = await run('stopped', { resume: stopped.last });
    expect(await contents(resumed.last)).toEqual(await contents(whole.last));
  },
);
