import * as z from 'zod';
import { readConfigFile } from '../config_file.js';

const positive = z.number().positive();
const count = z.int().min(1);

/** A linear rise to the schedule's own rate, step by step; off by default. */
const warmup = {
  /** How long it takes; 0 for none. */
  warmup_epochs: z.number().min(0).default(0),
  /** What the first step's rate is multiplied by. */
  warmup_factor: positive.max(1).default(0.1),
};

/** S: the learning rate of each epoch. */
const scheduleSchema = z.discriminatedUnion('name', [
  z.strictObject({ name: z.literal('StepLR'), step_size: count, gamma: positive, ...warmup }),
  z.strictObject({
    name: z.literal('MultiStepLR'),
    milestones: z.array(count).min(1),
    gamma: positive,
    ...warmup,
  }),
  z.strictObject({ name: z.literal('ExponentialLR'), gamma: positive, ...warmup }),
  z.strictObject({
    name: z.literal('CosineAnnealingLR'),
    T_max: count,
    eta_min: z.number().min(0).default(0),
    ...warmup,
  }),
]);

export type ScheduleConfig = z.output<typeof scheduleSchema>;

/** Reads S; throws an InputError naming file, field, expected and found. */
export function readScheduleConfig(file: string): ScheduleConfig {
  return readConfigFile(file, scheduleSchema);
}
