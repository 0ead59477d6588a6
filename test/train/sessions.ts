import path from 'node:path';
import { readCheckpoint } from '../../src/checkpoints/checkpoint.js';
import { readModelConfig } from '../../src/models/model.js';
import { readDataConfig } from '../../src/train/data_config.js';
import { readOptimizerConfig } from '../../src/train/optimizer_config.js';
import { silentProgress, type Progress } from '../../src/train/progress.js';
import { readScheduleConfig } from '../../src/train/schedule_config.js';
import type { SessionOptions } from '../../src/train/session.js';
import type { TinyRun } from './tiny_run.js';

/** Options of a run called `name` in the folder of a tiny one. */
export function sessionOptions(
  tiny: TinyRun,
  name: string,
  changed: Partial<SessionOptions> = {},
): SessionOptions {
  return {
    data: readDataConfig(tiny.data),
    model: readModelConfig(tiny.model),
    optimizer: readOptimizerConfig(tiny.optim),
    schedule: readScheduleConfig(tiny.sched),
    folder: path.join(tiny.folder, name),
    seed: 3,
    progress: silentProgress,
    ...changed,
  };
}

/** Aborts after this many training and validation steps. */
export function stopAfter(steps: number): { progress: Progress; signal: AbortSignal } {
  const controller = new AbortController();
  let seen = 0;
  const step = () => {
    if (++seen === steps) controller.abort();
  };
  return { progress: { ...silentProgress, step }, signal: controller.signal };
}

/** The checkpoint's tensors as bytes, and its metadata without what is timed. */
export async function contents(file: string) {
  const { tensors, metadata } = await readCheckpoint(file);
  const history = (metadata.history as { seconds: number }[]).map((record) => ({
    ...record,
    seconds: 0,
  }));
  const bytes = [...tensors].map(([name, { data }]) => {
    const { buffer, byteOffset, byteLength } = data;
    return [name, Buffer.from(buffer, byteOffset, byteLength).toString('base64')];
  });
  return { bytes, metadata: { ...metadata, history } };
}
