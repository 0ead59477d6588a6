import * as tf from '@tensorflow/tfjs';
import { backendName } from '../backend/menet_backend.js';
import { reject } from '../errors.js';
import type { ModelConfig } from '../models/model.js';
import { native } from '../native.js';
import { packageVersion } from '../package_version.js';
import type { DataConfig } from './data_config.js';
import type { OptimizerConfig } from './optimizer_config.js';
import type { ScheduleConfig } from './schedule_config.js';

/** All that decides what a run computes: the four configurations, defaults filled in, and the rest. */
export interface RunConfiguration {
  data: DataConfig;
  model: ModelConfig;
  optimizer: OptimizerConfig;
  schedule: ScheduleConfig;
  seed: number;
  /** Of this package. */
  version: string;
  backend: string;
  device: string;
  /** Of the native core; 0 on other backends, which choose for themselves. */
  threads: number;
}

/** Completes the configurations of a run with where it runs. */
export function describeRun(
  run: Pick<RunConfiguration, 'data' | 'model' | 'optimizer' | 'schedule' | 'seed'>,
): RunConfiguration {
  const { data, model, optimizer, schedule, seed } = run;
  const backend = tf.getBackend();
  const threads = backend === backendName ? native().threads() : 0;
  const where = { version: packageVersion(), backend, device: 'cpu', threads };
  return { data, model, optimizer, schedule, seed, ...where };
}

// What a run may change on its way, for it does not change what a step computes.
const free = new Set([
  'data.num_workers',
  'data.train_root',
  'data.valid_root',
  'optimizer.epochs',
]);

/**
 * Checks that a checkpoint is of a run like this one. Fields that it does not have (it may be of
 * an older version, or of the published trainer) are not compared.
 * @throws InputError naming the file, the first field that differs, and both values
 */
export function requireSameRun(file: string, run: RunConfiguration, found: unknown): void {
  for (const part of ['data', 'model', 'optimizer', 'schedule'] as const) {
    const expected = run[part] as Record<string, unknown>;
    const other = (found as Partial<Record<string, Record<string, unknown>>> | undefined)?.[part];
    for (const [field, value] of Object.entries(other ?? {})) {
      const name = `${part}.${field}`;
      if (!free.has(name) && JSON.stringify(value) !== JSON.stringify(expected[field]))
        reject(
          `${file}: field ${name}`,
          `${JSON.stringify(expected[field])}, as in this run`,
          value,
        );
    }
  }
}
