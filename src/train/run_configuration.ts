import * as tf from '@tensorflow/tfjs';
import { backendName } from '../backend/menet_backend.js';
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
