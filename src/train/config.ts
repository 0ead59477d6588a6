import * as z from 'zod';
import { readConfigFile } from '../config_file.js';

export { type DataConfig, readDataConfig } from './data_config.js';

const positive = z.number().positive();
const fraction = z.number().min(0).lt(1);
const count = z.int().min(1);

/** O: the optimizer, as PyTorch defines it, and how many epochs it runs. */
const optimizerSchema = z.discriminatedUnion('name', [
  z
    .strictObject({
      name: z.literal('SGD'),
      learning_rate: positive,
      momentum: fraction,
      weight_decay: z.number().min(0),
      nesterov: z.boolean(),
      epochs: count,
    })
    .refine((sgd) => !sgd.nesterov || sgd.momentum > 0, {
      path: ['momentum'],
      message: 'more than 0 for nesterov',
    }),
]);

/** S: the learning rate of each epoch. */
const scheduleSchema = z.discriminatedUnion('name', [
  z.strictObject({ name: z.literal('StepLR'), step_size: count, gamma: positive }),
  z.strictObject({
    name: z.literal('MultiStepLR'),
    milestones: z.array(count).min(1),
    gamma: positive,
  }),
  z.strictObject({ name: z.literal('ExponentialLR'), gamma: positive }),
]);

export type OptimizerConfig = z.output<typeof optimizerSchema>;
export type ScheduleConfig = z.output<typeof scheduleSchema>;

/** Reads O; throws an InputError naming file, field, expected and found. */
export function readOptimizerConfig(file: string): OptimizerConfig {
  return readConfigFile(file, optimizerSchema);
}

/** Reads S; throws an InputError naming file, field, expected and found. */
export function readScheduleConfig(file: string): ScheduleConfig {
  return readConfigFile(file, scheduleSchema);
}
